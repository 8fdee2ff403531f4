"""Optimizers and schedules by name."""

from __future__ import annotations

from typing import Any

from quickprop.estimators.names import plain_name
from quickprop.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

#: Each by its name in small letters: 'rmsprop', 'adamw'.
OPTIMIZER_NAMES = {
    name.lower(): kind for name, kind in OPTIMIZERS.items() if issubclass(kind, Optimizer)
}


def _stands_alone(kind: type[Any]) -> bool:
    try:
        kind()
    except TypeError:
        return False
    return True


#: Those that need nothing more than their name.
SCHEDULE_NAMES = {plain_name(name): kind for name, kind in SCHEDULES.items() if _stands_alone(kind)}


def optimizer_of(given: str | Optimizer, learning_rate: float) -> Optimizer:
    """The optimizer from a name, with a rate, or as it is."""
    if isinstance(given, Optimizer):
        return given
    return OPTIMIZER_NAMES[given](learning_rate=learning_rate)


def schedule_of(given: str | Schedule | None) -> Schedule | None:
    """The schedule from a name, or as it is."""
    return SCHEDULE_NAMES[given]() if isinstance(given, str) else given  # type: ignore[return-value]
