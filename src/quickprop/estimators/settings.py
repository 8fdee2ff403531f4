"""The constructor parameters that the classifier and the regressor share: one row each."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from quickprop.estimators.parameters import parameter

_POSITIVE = Interval(Real, 0, None, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
_COUNT = Interval(Integral, 1, None, closed="left")
_DECAY = Interval(Real, 0, 1, closed="left")


class PerceptronSettings:
    """What can be set on every multi-layer perceptron, as scikit-learn names it."""

    hidden_layer_sizes: Any = parameter(
        (100,),
        ["array-like", _COUNT],
        "array-like of int or int",
        "Neurons of each hidden layer.",
        position=1,
    )
    activation: Any = parameter(
        "relu",
        [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "{'identity', 'logistic', 'tanh', 'relu'}",
        "Activation function of the hidden layers.",
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
        [StrOptions({"auto"}), _COUNT],
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
        [_COUNT],
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
        [_COUNT, Options(Real, {np.inf})],
        "int or inf",
        "Epochs without progress after which the fit ends.",
    )
    max_fun: int = parameter(15000, [_COUNT], "int", "The most evaluations of the loss by 'lbfgs'.")


#: Numbers of neurons as users write them.
Sizes = Sequence[int] | int
