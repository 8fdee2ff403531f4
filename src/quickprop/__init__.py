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

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quickprop' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.autodiff import gradients as gradients
    from quickprop.errors import CompileError as CompileError
    from quickprop.errors import DataError as DataError
    from quickprop.errors import DataFileError as DataFileError
    from quickprop.errors import DTypeError as DTypeError
    from quickprop.errors import GraphError as GraphError
    from quickprop.errors import MissingPackageError as MissingPackageError
    from quickprop.errors import ModelFileError as ModelFileError
    from quickprop.errors import QuickpropError as QuickpropError
    from quickprop.errors import SettingError as SettingError
    from quickprop.errors import ShapeError as ShapeError
    from quickprop.errors import TrainingError as TrainingError
    from quickprop.execution import Function as Function
    from quickprop.execution import Minibatches as Minibatches
    from quickprop.execution import function as function  # type: ignore[no-redef]
    from quickprop.graph import Tensor as Tensor
    from quickprop.graph import constant as constant
    from quickprop.graph import matmul as matmul
    from quickprop.graph import placeholder as placeholder
    from quickprop.graph import row_count as row_count
    from quickprop.graph import variable as variable
    from quickprop.models import FitReport as FitReport
    from quickprop.models import TableModel as TableModel
    from quickprop.models import fit as fit
    from quickprop.models import load as load
    from quickprop.nn import Activation as Activation
    from quickprop.nn import BinaryCrossEntropy as BinaryCrossEntropy
    from quickprop.nn import CrossEntropy as CrossEntropy
    from quickprop.nn import Dense as Dense
    from quickprop.nn import Dropout as Dropout
    from quickprop.nn import Embedding as Embedding
    from quickprop.nn import GlorotNormal as GlorotNormal
    from quickprop.nn import GlorotUniform as GlorotUniform
    from quickprop.nn import HeNormal as HeNormal
    from quickprop.nn import HeUniform as HeUniform
    from quickprop.nn import Layer as Layer
    from quickprop.nn import Loss as Loss
    from quickprop.nn import MeanSquaredError as MeanSquaredError
    from quickprop.nn import Network as Network
    from quickprop.ops import abs as abs
    from quickprop.ops import cast as cast
    from quickprop.ops import concat as concat
    from quickprop.ops import cos as cos
    from quickprop.ops import elu as elu
    from quickprop.ops import equal as equal
    from quickprop.ops import erf as erf
    from quickprop.ops import exp as exp
    from quickprop.ops import gather as gather
    from quickprop.ops import gelu as gelu
    from quickprop.ops import leaky_relu as leaky_relu
    from quickprop.ops import log as log
    from quickprop.ops import log_softmax as log_softmax
    from quickprop.ops import logsumexp as logsumexp
    from quickprop.ops import max as max
    from quickprop.ops import maximum as maximum
    from quickprop.ops import mean as mean
    from quickprop.ops import minimum as minimum
    from quickprop.ops import one_hot as one_hot
    from quickprop.ops import pad as pad
    from quickprop.ops import relu as relu
    from quickprop.ops import reshape as reshape
    from quickprop.ops import sigmoid as sigmoid
    from quickprop.ops import silu as silu
    from quickprop.ops import sin as sin
    from quickprop.ops import softmax as softmax
    from quickprop.ops import softplus as softplus
    from quickprop.ops import sqrt as sqrt
    from quickprop.ops import square as square
    from quickprop.ops import stop_gradient as stop_gradient
    from quickprop.ops import sum as sum
    from quickprop.ops import tanh as tanh
    from quickprop.ops import transpose as transpose
    from quickprop.ops import uniform as uniform
    from quickprop.ops import where as where
    from quickprop.optim import SGD as SGD
    from quickprop.optim import Adam as Adam
    from quickprop.optim import AdamW as AdamW
    from quickprop.optim import Constant as Constant
    from quickprop.optim import Cosine as Cosine
    from quickprop.optim import ExponentialDecay as ExponentialDecay
    from quickprop.optim import FunctionOfStep as FunctionOfStep
    from quickprop.optim import Optimizer as Optimizer
    from quickprop.optim import Schedule as Schedule
    from quickprop.train import Callback as Callback
    from quickprop.train import EpochRecord as EpochRecord
    from quickprop.train import History as History
    from quickprop.train import Progress as Progress
