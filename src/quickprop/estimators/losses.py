"""Losses by the names that estimators take, and what scikit-learn calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from quickprop.errors import SettingError
from quickprop.estimators.names import plain_name
from quickprop.foundation.settings import Component
from quickprop.graph import Tensor
from quickprop.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    CustomLoss,
    GaussianLikelihood,
    Huber,
    LaplaceLikelihood,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Quantile,
    StudentTLikelihood,
)
from quickprop.losses.custom import FunctionLoss
from quickprop.losses.loss import SINGLE_LOSSES
from quickprop.losses.numbers import NumberLoss
from quickprop.losses.targets import Domain
from quickprop.ops.activations import softmax
from quickprop.ops.elementary import exp, log, sigmoid, where

_NOT_NEGATIVE = Domain(
    "a negative number has no Poisson deviance",
    "numbers of at least 0",
    lambda array: array >= 0,
    "use loss='squared_error'",
)


@dataclass(frozen=True)
class HalfPoissonDeviance(NumberLoss):
    """Half the Poisson deviance with logarithmic link.

    ``exp(f) - y f + y ln(y) - y`` for an output f and a number y (McCullagh and Nelder 1989).
    `PoissonLikelihood` differs by what y alone says, and takes whole numbers only.
    """

    domain: ClassVar[Domain] = _NOT_NEGATIVE

    @property
    def outputs_per_target(self) -> int:
        """One."""
        return 1

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The deviance of each number."""
        some = target > 0.0
        least = where(some, target * log(where(some, target, 1.0)), 0.0) - target
        return exp(output) - target * output + least

    def prediction(self, output: Tensor) -> Tensor:
        """The mean."""
        return exp(output)


@dataclass(frozen=True)
class CustomClassLoss(FunctionLoss):
    """A function of the raw outputs and of a column of 0 and 1 for each class or label.

    With more than two classes the probabilities are the softmax of the raw outputs, else their
    sigmoid.
    """

    def prediction(self, output: Tensor) -> Tensor:
        """The probabilities, of classes that exclude each other."""
        return softmax(output)


@dataclass(frozen=True)
class CustomLabelLoss(FunctionLoss):
    """As `CustomClassLoss`, for labels that stand each for itself."""

    def prediction(self, output: Tensor) -> Tensor:
        """The probability of each label."""
        return sigmoid(output)


#: Losses of numbers by name, those that scikit-learn has first.
NUMBER_LOSSES: Mapping[str, type[Component]] = {
    "squared_error": MeanSquaredError,
    "poisson": HalfPoissonDeviance,
    "absolute_error": MeanAbsoluteError,
    "gaussian": GaussianLikelihood,
    **{
        plain_name(name): kind
        for name, kind in SINGLE_LOSSES.items()
        if issubclass(kind, NumberLoss) and getattr(kind, "output_activation", None) is None
    },
}
#: Losses that a scaled target leaves as they are: what they predict is scaled back.
SCALABLE = (
    MeanSquaredError,
    MeanAbsoluteError,
    Huber,
    LogCosh,
    Quantile,
    GaussianLikelihood,
    LaplaceLikelihood,
    StudentTLikelihood,
)
#: Losses of classes by name.
CLASS_LOSSES: Mapping[str, type[Component] | None] = {
    "log_loss": None,
    "focal": SINGLE_LOSSES["Focal"],
}


def number_loss(given: Any) -> Loss:
    """The loss of a regressor from a name, a loss or a function."""
    if isinstance(given, str):
        loss = NUMBER_LOSSES[given]()
    elif isinstance(given, Loss):
        loss = given
    else:
        loss = CustomLoss(given)
    if not isinstance(loss, NumberLoss | CustomLoss) or loss.output_activation is not None:
        raise SettingError(
            "not a loss of numbers",
            where="MLPRegressor.loss",
            allowed=", ".join(NUMBER_LOSSES),
            given=repr(given)[:80],
            hint="use MLPClassifier for classes",
        )
    return loss


def class_loss(given: str | Loss | Callable[..., Any], exclusive: bool) -> Loss:
    """The loss of a classifier.

    Parameters
    ----------
    given : str, Loss or callable
    exclusive : bool
        Whether a row has one of more than two classes; else there are labels, each for itself.
    """
    if given == "log_loss":
        return CrossEntropy() if exclusive else BinaryCrossEntropy()
    if isinstance(given, str):
        kind = CLASS_LOSSES[given]
        assert kind is not None
        return kind()  # type: ignore[return-value]
    if isinstance(given, Loss):
        if given.output_activation == "sigmoid" or (
            exclusive and given.output_activation == "softmax"
        ):
            return given
        raise SettingError(
            "not a loss that gives probabilities of "
            + ("classes" if exclusive else "one or more labels"),
            where="MLPClassifier.loss",
            allowed="CrossEntropy(), BinaryCrossEntropy(), Focal()"
            if exclusive
            else "BinaryCrossEntropy(), Focal()",
            given=repr(given)[:80],
        )
    return CustomClassLoss(given) if exclusive else CustomLabelLoss(given)
