"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .given import (
    NOT_AN_ARRAY as NOT_AN_ARRAY,
)
from .graph import (
    Graph as Graph,
)
from .leaves import (
    constant as constant,
    placeholder as placeholder,
    row_count as row_count,
    variable as variable,
    variable_of_checked as variable_of_checked,
)
from .primitives import (
    Op as Op,
)
from .shape_rules import (
    broadcast_shapes as broadcast_shapes,
    ROWS as ROWS,
    Shape as Shape,
    show_shape as show_shape,
)
from .storage import (
    Storage as Storage,
)
from .template import (
    GraphTemplate as GraphTemplate,
)
from .tensor import (
    as_tensor as as_tensor,
    as_tensors as as_tensors,
    batch_matmul as batch_matmul,
    binary as binary,
    broadcast_to as broadcast_to,
    make as make,
    matmul as matmul,
    reshape as reshape,
    Tensor as Tensor,
)
from .walking import (
    rewrite as rewrite,
    walk as walk,
    with_inputs as with_inputs,
)
