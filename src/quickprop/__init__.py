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
    "quickprop.models": ("Autoencoder", "FitReport", "TableModel", "fit", "load"),
    "quickprop.estimators": (
        "AutoencoderTransformer", "EpochReport", "MLPClassifier", "MLPRegressor",
        "from_sklearn",
    ),
    "quickprop.graph": (
        "Tensor", "batch_matmul", "constant", "matmul", "placeholder", "row_count", "variable",
    ),
    "quickprop.autodiff": ("gradients",),
    "quickprop.execution": ("Function", "Minibatches", "function"),
    "quickprop.ops": (
        "abs", "average_pool", "cast", "celu", "concat", "convolve", "cos", "elu", "equal",
        "erf", "exp", "from_one_hot", "gather", "gelu", "gelu_tanh", "hard_sigmoid",
        "hard_swish", "leaky_relu", "log", "log_softmax", "logsumexp", "max", "max_pool",
        "maximum", "mean", "minimum", "mish", "normal", "one_hot", "pad", "relu", "relu6",
        "reshape", "selu", "sigmoid", "silu", "sin", "softmax", "softplus", "softsign",
        "sqrt", "square", "step", "stop_gradient", "sum", "tanh", "transpose", "uniform",
        "where",
    ),
    "quickprop.losses": (
        "BinaryCrossEntropy", "CosineSimilarity", "CrossEntropy", "CustomLoss", "Focal",
        "GaussianLikelihood", "Heads", "Hinge", "Huber", "KLDivergence",
        "LaplaceLikelihood", "Likelihood", "LogCosh", "Loss", "MeanAbsoluteError",
        "MeanAbsolutePercentageError", "MeanSquaredError", "MixtureLikelihood",
        "NegativeBinomialLikelihood", "Ordinal", "PoissonLikelihood", "Quantile",
        "SquaredHinge", "StudentTLikelihood",
    ),
    "quickprop.nn": (
        "Activation", "Add", "AveragePool1D", "AveragePool2D", "BatchNorm", "Block",
        "Concatenate", "ConstantNeuron", "Conv1D", "Conv2D", "Dense", "Diagram", "Dropout",
        "Embedding", "Filled", "Flatten", "GRU", "GaussianNoise", "GlobalAveragePool",
        "GlobalMaxPool", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform",
        "Initializer", "Input", "LSTM", "Layer", "LayerNorm", "LeCunNormal", "LeCunUniform",
        "LocalResponseNorm", "MaxPool1D", "MaxPool2D", "Multiply", "Network", "Node",
        "Normal", "Orthogonal", "PReLU", "Perceptron", "Reshape", "SimpleRNN", "Summary",
        "TokenEmbedding", "Trace", "TruncatedNormal", "UnaryLayer", "Uniform", "Zeros",
    ),
    "quickprop.optim": (
        "AMSGrad", "AdaMax", "Adadelta", "Adagrad", "Adam", "AdamW", "Constant", "Cosine",
        "EpochEnd", "ExponentialDecay", "FullBatchMethod", "FunctionOfStep",
        "InverseScaling", "LBFGS", "LevenbergMarquardt", "Lion", "NAdam", "OneCycle",
        "Optimizer", "Quickprop", "RMSprop", "ReduceOnPlateau", "Rprop", "SGD", "Schedule",
        "StepDecay", "WarmUp", "WithinBudget",
    ),
    "quickprop.train": (
        "Callback", "EpochRecord", "ExponentialAverage", "History", "Progress",
        "StochasticWeightAverage",
    ),
    "quickprop.errors": (
        "CompileError", "DTypeError", "DataError", "DataFileError", "GraphError",
        "MissingPackageError", "ModelFileError", "QuickpropError", "SettingError",
        "ShapeError", "TrainingError",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
#: Rooms that are used by their own name, such as ``quickprop.zoo.googlenet()``.
_ROOMS = ("estimators", "losses", "nn", "ops", "optim", "train", "zoo")

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"quickprop.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'quickprop' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})


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
    from quickprop.estimators import AutoencoderTransformer as AutoencoderTransformer
    from quickprop.estimators import EpochReport as EpochReport
    from quickprop.estimators import MLPClassifier as MLPClassifier
    from quickprop.estimators import MLPRegressor as MLPRegressor
    from quickprop.estimators import from_sklearn as from_sklearn  # type: ignore[no-redef]
    from quickprop.execution import Function as Function
    from quickprop.execution import Minibatches as Minibatches
    from quickprop.execution import function as function  # type: ignore[no-redef]
    from quickprop.graph import Tensor as Tensor
    from quickprop.graph import batch_matmul as batch_matmul
    from quickprop.graph import constant as constant
    from quickprop.graph import matmul as matmul
    from quickprop.graph import placeholder as placeholder
    from quickprop.graph import row_count as row_count
    from quickprop.graph import variable as variable
    from quickprop.losses import *  # noqa: F403
    from quickprop.models import Autoencoder as Autoencoder
    from quickprop.models import FitReport as FitReport
    from quickprop.models import TableModel as TableModel
    from quickprop.models import fit as fit
    from quickprop.models import load as load
    from quickprop.nn import *  # noqa: F403
    from quickprop.ops import *  # noqa: F403
    from quickprop.optim import *  # noqa: F403
    from quickprop.train import Callback as Callback
    from quickprop.train import EpochRecord as EpochRecord
    from quickprop.train import ExponentialAverage as ExponentialAverage
    from quickprop.train import History as History
    from quickprop.train import Progress as Progress
    from quickprop.train import StochasticWeightAverage as StochasticWeightAverage
