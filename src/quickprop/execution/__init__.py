"""Running graphs, on the native backend or on the reference interpreter."""

from quickprop.execution.function import Function, function
from quickprop.execution.minibatch import Minibatches

__all__ = ["Function", "Minibatches", "function"]
