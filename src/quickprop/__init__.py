"""quickprop: neural networks, compiled. From a table to a trusted network, on the CPU you have.

    import quickprop

    model = quickprop.fit("houses.csv", target="price")
    model.predict("new_houses.csv")

Names are loaded when they are first used, so that importing the package stays quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Where each public name lives.
_HOMES: dict[str, tuple[str, ...]] = {
    "quickprop.models": ("FitReport", "TableModel", "fit", "load"),
    "quickprop.graph": ("Tensor", "constant", "matmul", "placeholder", "row_count", "variable"),
    "quickprop.autodiff": ("gradients",),
    "quickprop.execution": ("Function", "Minibatches", "function"),
    "quickprop.ops": (
        "abs", "cast", "concat", "cos", "elu", "equal", "erf", "exp", "gather", "gelu",
        "leaky_relu", "log", "log_softmax", "logsumexp", "max", "maximum", "mean", "minimum",
        "one_hot", "pad", "relu", "reshape", "sigmoid", "silu", "sin", "softmax", "softplus",
        "sqrt", "square", "stop_gradient", "sum", "tanh", "transpose", "uniform", "where",
    ),
    "quickprop.nn": (
        "Activation", "BinaryCrossEntropy", "CrossEntropy", "Dense", "Dropout", "Embedding",
        "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Layer", "Loss",
        "MeanSquaredError", "Network",
    ),
    "quickprop.optim": (
        "SGD", "Adam", "AdamW", "Constant", "Cosine", "ExponentialDecay", "FunctionOfStep",
        "Optimizer", "Schedule",
    ),
    "quickprop.train": ("Callback", "EpochRecord", "History", "Progress"),
    "quickprop.errors": (
        "CompileError", "DTypeError", "DataError", "DataFileError", "GraphError",
        "MissingPackageError", "ModelFileError", "QuickpropError", "SettingError", "ShapeError",
        "TrainingError",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quickprop' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if TYPE_CHECKING:
    from quickprop.autodiff import gradients as gradients
    from quickprop.execution import Function as Function
    from quickprop.execution import function as function
    from quickprop.graph import constant as constant
    from quickprop.graph import placeholder as placeholder
    from quickprop.graph import variable as variable
    from quickprop.models import TableModel as TableModel
    from quickprop.models import fit as fit
    from quickprop.models import load as load
    from quickprop.nn import Network as Network
