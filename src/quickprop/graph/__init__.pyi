"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .graph import (
    Graph as Graph,
)
from .primitives import (
    Op as Op,
)
from .shape_rules import (
    ROWS as ROWS,
    Shape as Shape,
    show_shape as show_shape,
)
from .template import (
    GraphTemplate as GraphTemplate,
)
from .tensor import (
    as_tensor as as_tensor,
    as_tensors as as_tensors,
    batch_matmul as batch_matmul,
    binary as binary,
    broadcast_shapes as broadcast_shapes,
    broadcast_to as broadcast_to,
    constant as constant,
    make as make,
    matmul as matmul,
    placeholder as placeholder,
    reshape as reshape,
    rewrite as rewrite,
    row_count as row_count,
    Storage as Storage,
    Tensor as Tensor,
    variable as variable,
    variable_of_checked as variable_of_checked,
    walk as walk,
    with_inputs as with_inputs,
)
