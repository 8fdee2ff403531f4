"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .activations import (
    celu as celu,
    elu as elu,
    gelu as gelu,
    gelu_tanh as gelu_tanh,
    hard_sigmoid as hard_sigmoid,
    hard_swish as hard_swish,
    leaky_relu as leaky_relu,
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    masked_softmax as masked_softmax,
    mish as mish,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    silu as silu,
    softmax as softmax,
    softplus as softplus,
    softsign as softsign,
    step as step,
)
from .class_codes import (
    from_one_hot as from_one_hot,
    one_hot as one_hot,
)
from .elementary import (
    abs as abs,
    cast as cast,
    concat as concat,
    cos as cos,
    equal as equal,
    erf as erf,
    exp as exp,
    gather as gather,
    log as log,
    max as max,
    maximum as maximum,
    mean as mean,
    minimum as minimum,
    pad as pad,
    sigmoid as sigmoid,
    sin as sin,
    sqrt as sqrt,
    square as square,
    stop_gradient as stop_gradient,
    sum as sum,
    tanh as tanh,
    transpose as transpose,
    uniform as uniform,
    where as where,
)
from .normal_numbers import (
    normal as normal,
)
from .reshaping import (
    reshape as reshape,
)
from .sliding_windows import (
    average_pool as average_pool,
    convolve as convolve,
    max_pool as max_pool,
)
