"""Update rules and learning-rate schedules, written as graph. A new one is one class."""

from quickprop.nn.component import Component
from quickprop.optim.adam import Adam, AdamW
from quickprop.optim.optimizer import Optimizer
from quickprop.optim.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    ExponentialDecay,
    FunctionOfStep,
    Schedule,
)
from quickprop.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Component]] = {kind.__name__: kind for kind in (SGD, Adam, AdamW)}

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "ExponentialDecay",
    "FunctionOfStep",
    "Optimizer",
    "Schedule",
]
