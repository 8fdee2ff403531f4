"""Update rules and learning-rate schedules, written as graph. A new one is one class."""

from quickprop.foundation.settings import Component
from quickprop.optim.adadelta import Adadelta
from quickprop.optim.adagrad import Adagrad
from quickprop.optim.adam import Adam, AdamW, AMSGrad
from quickprop.optim.adamax import AdaMax
from quickprop.optim.full_batch import FullBatchMethod
from quickprop.optim.lbfgs import LBFGS
from quickprop.optim.levenberg_marquardt import LevenbergMarquardt
from quickprop.optim.lion import Lion
from quickprop.optim.nadam import NAdam
from quickprop.optim.optimizer import Optimizer
from quickprop.optim.plateau import ReduceOnPlateau
from quickprop.optim.quickprop import Quickprop
from quickprop.optim.rmsprop import RMSprop
from quickprop.optim.rprop import Rprop
from quickprop.optim.schedule import SCHEDULES, EpochEnd, Schedule
from quickprop.optim.schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    FunctionOfStep,
    InverseScaling,
    OneCycle,
    StepDecay,
)
from quickprop.optim.sgd import SGD
from quickprop.optim.wrapped import WarmUp, WithinBudget

OPTIMIZERS: dict[str, type[Component]] = {
    kind.__name__: kind
    for kind in (
        SGD,
        Adagrad,
        Adadelta,
        RMSprop,
        Adam,
        AMSGrad,
        AdaMax,
        NAdam,
        AdamW,
        Lion,
        Rprop,
        Quickprop,
    )
}

SCHEDULES |= {
    kind.__name__: kind
    for kind in (
        Constant,
        StepDecay,
        ExponentialDecay,
        InverseScaling,
        Cosine,
        OneCycle,
        ReduceOnPlateau,
        WarmUp,
        WithinBudget,
    )
}

#: Methods that take all rows at a step and choose its length themselves.
FULL_BATCH_METHODS: dict[str, type[Component]] = {
    kind.__name__: kind for kind in (LBFGS, LevenbergMarquardt)
}

__all__ = [
    "FULL_BATCH_METHODS",
    "LBFGS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "AMSGrad",
    "AdaMax",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "EpochEnd",
    "ExponentialDecay",
    "FullBatchMethod",
    "FunctionOfStep",
    "InverseScaling",
    "LevenbergMarquardt",
    "Lion",
    "NAdam",
    "OneCycle",
    "Optimizer",
    "Quickprop",
    "RMSprop",
    "ReduceOnPlateau",
    "Rprop",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "WithinBudget",
]
