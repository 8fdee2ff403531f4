"""The constructor parameters that the classifier and the regressor share: one row each."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from quickprop.estimators.optimizer_names import OPTIMIZER_NAMES, SCHEDULE_NAMES
from quickprop.estimators.parameters import parameter
from quickprop.foundation.settings import LARGEST, WHOLE
from quickprop.nn.activations import ACTIVATIONS
from quickprop.optim import Optimizer, Schedule
from quickprop.train import Callback

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
COUNT = Interval(Integral, 1, None, closed="left")
_DECAY = Interval(Real, 0, 1, closed="left")
# Whole numbers of Python may be beyond what a float or an array's length can be.
_SECONDS = Interval(Real, 0, LARGEST, closed="right")
_DECAY_OF_WEIGHTS = Interval(Real, 0, LARGEST, closed="both")
_MEMBERS = Interval(Integral, 1, WHOLE, closed="both")


class SharedSettings:
    """What scikit-learn's multi-layer perceptrons have, under the same names."""

    hidden_layer_sizes: Any = parameter(
        (100,),
        ["array-like", COUNT],
        "array-like of int or int",
        "Neurons of each hidden layer.",
        position=1,
    )
    activation: Any = parameter(
        "relu",
        [StrOptions({"logistic", *ACTIVATIONS}), "array-like"],
        "{'identity', 'logistic', 'tanh', 'relu'}, another name, or a list of names",
        "Activation function of the hidden layers, by scikit-learn's or quickprop's name; a list "
        "has one for each.",
        position=2,
    )
    solver: Literal["lbfgs", "sgd", "adam"] = parameter(
        "adam",
        [StrOptions({"lbfgs", "sgd", "adam"})],
        "{'lbfgs', 'sgd', 'adam'}",
        "What makes the loss small: a quasi-Newton method on all rows at once, gradient descent on "
        "mini-batches, or Adam on mini-batches.",
    )
    alpha: float = parameter(
        0.0001,
        [_NOT_NEGATIVE],
        "float",
        "Adds `alpha / 2 * sum(w**2)`, divided by the rows of the batch, to the loss.",
    )
    batch_size: Any = parameter(
        "auto",
        [StrOptions({"auto"}), COUNT],
        "int or 'auto'",
        "Rows of a mini-batch; 'auto' is 200, or all rows when there are fewer.",
    )
    learning_rate: Literal["constant", "invscaling", "adaptive"] = parameter(
        "constant",
        [StrOptions({"constant", "invscaling", "adaptive"})],
        "{'constant', 'invscaling', 'adaptive'}",
        "How the rate of 'sgd' changes: not at all; as `learning_rate_init / t**power_t` with t "
        "the rows seen so far; or by a division by 5 whenever two epochs in a row bring no "
        "progress.",
    )
    learning_rate_init: float = parameter(
        0.001, [_POSITIVE], "float", "The rate at the start, of 'sgd' and 'adam'."
    )
    power_t: float = parameter(0.5, [_NOT_NEGATIVE], "float", "Exponent of the rate 'invscaling'.")
    max_iter: int = parameter(
        200,
        [COUNT],
        "int",
        "The most epochs of 'sgd' and 'adam', the most iterations of 'lbfgs'.",
    )
    shuffle: bool = parameter(
        True, ["boolean"], "bool", "Whether the rows are put into a new order in every epoch."
    )
    random_state: Any = parameter(
        None,
        ["random_state"],
        "int, RandomState instance or None",
        "Where the starting weights, the split of early stopping and the order of rows come from. "
        "The same number gives the same bits, and the numbers that scikit-learn draws from it.",
    )
    tol: float = parameter(
        1e-4,
        [_NOT_NEGATIVE],
        "float",
        "An epoch counts as progress when loss or validation score get better by at least this; "
        "for 'lbfgs' the largest slope at which it ends.",
    )
    verbose: Any = parameter(False, ["verbose"], "bool or int", "Whether each epoch is printed.")
    warm_start: bool = parameter(
        False, ["boolean"], "bool", "Whether `fit` goes on from the weights of the last fit."
    )
    momentum: float = parameter(
        0.9, [Interval(Real, 0, 1, closed="both")], "float", "Momentum of 'sgd'."
    )
    nesterovs_momentum: bool = parameter(
        True, ["boolean"], "bool", "Whether the momentum of 'sgd' looks one step ahead."
    )
    early_stopping: bool = parameter(
        False,
        ["boolean"],
        "bool",
        "Whether part of the rows is put aside, scored after every epoch, and the epoch with the "
        "best score kept.",
    )
    validation_fraction: float = parameter(
        0.1, [_DECAY], "float", "The part of the rows that early stopping puts aside."
    )
    beta_1: float = parameter(
        0.9, [_DECAY], "float", "Decay of Adam's running mean of the gradient."
    )
    beta_2: float = parameter(
        0.999, [_DECAY], "float", "Decay of Adam's running mean of the squared gradient."
    )
    epsilon: float = parameter(1e-8, [_POSITIVE], "float", "Adam's guard against a division by 0.")
    n_iter_no_change: float = parameter(
        10,
        [COUNT, Options(Real, {np.inf})],
        "int or inf",
        "Epochs without progress after which the fit ends.",
    )
    max_fun: int = parameter(15000, [COUNT], "int", "The most evaluations of the loss by 'lbfgs'.")


class FurtherSettings:
    """What scikit-learn's have not. By default nothing of it changes a result."""

    dropout: Any = parameter(
        0.0,
        [_DECAY, "array-like"],
        "float or list of float",
        "The share of each hidden layer that is dropped while learning.",
    )
    normalization: Literal["batch", "layer"] | None = parameter(
        None,
        [StrOptions({"batch", "layer"}), None],
        "{'batch', 'layer'} or None",
        "Brings what enters the activations to mean 0 and variance 1, over the batch or over the "
        "layer.",
    )
    optimizer: str | Optimizer | None = parameter(
        None,
        [StrOptions(set(OPTIMIZER_NAMES)), Optimizer, None],
        "str, Optimizer or None",
        "An update rule of quickprop in place of `solver`. By name it takes `learning_rate_init`; "
        "an object has its own rate.",
    )
    schedule: str | Schedule | None = parameter(
        None,
        [StrOptions(set(SCHEDULE_NAMES)), Schedule, None],
        "str, Schedule or None",
        "How the learning rate changes from step to step, in place of `learning_rate`.",
    )
    weight_decay: float = parameter(
        0.0,
        [_DECAY_OF_WEIGHTS],
        "float",
        "Shrinks every weight by the learning rate times this, apart from the gradient, as AdamW "
        "does; `alpha` is the penalty within the loss.",
    )
    validation: Any = parameter(
        None,
        [HasMethods(["split", "get_n_splits"]), None],
        "splitter or None",
        "Puts rows aside as `early_stopping` does, but by the last split of a splitter of "
        "scikit-learn: by groups, in time. Groups are given to `fit`.",
    )
    max_time: float | None = parameter(
        None,
        [_SECONDS, Options(Real, {np.inf}), None],
        "float or None",
        "Seconds that `fit` may take, kept to 0.2 s. What must come before the first step is not "
        "cut short: a million rows of fifty columns take half a second to split and two to scale.",
    )
    callbacks: Any = parameter(
        None,
        [callable, Callback, list, tuple, None],
        "callable, Callback, list of them or None",
        "Looks on: functions of an `EpochReport`, which end the fit by giving True, and callbacks "
        "of quickprop. Those of scikit-learn are given to `set_callbacks`.",
    )
    n_ensemble: int = parameter(
        1,
        [_MEMBERS],
        "int",
        "Networks that are trained side by side from different starting weights, their predictions "
        "averaged.",
    )
    dtype: Literal["float32", "float64"] | None = parameter(
        None,
        [StrOptions({"float32", "float64"}), None],
        "{'float32', 'float64'} or None",
        "Number type of the network; None takes that of the rows, float32 when they are scaled.",
    )
    scale: Any = parameter(
        False,
        ["boolean", StrOptions({"auto"})],
        "bool or 'auto'",
        "Whether columns are scaled, missing cells filled and flagged, and categories and dates of "
        "frames encoded, as learned on the rows of the fit; a regressor's target is scaled too.",
    )


class PerceptronSettings(FurtherSettings, SharedSettings):
    """All that can be set on every multi-layer perceptron."""
