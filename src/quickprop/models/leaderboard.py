"""Who was judged on the same rows, and how good each is for what it costs."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Any

from quickprop.foundation.documents import Fields
from quickprop.models.task import Scores, Task

WHO = ("ensemble", "best single network", "linear", "boosting", "dummy")


@dataclass(frozen=True)
class Standing:
    """One line of a leaderboard.

    Attributes
    ----------
    name : str
        "ensemble", "best single network", "linear", "boosting" or "dummy".
    scores : dict
        On rows that it has not learned from.
    loss, error : float
        What a row costs it in the mean (log-loss, or squared error in variances of the target), and
        the standard error of that.
    networks, parameters : int
        How many networks it is made of, and the numbers that were learned; 0 for what is none.
    seconds : float
        To train it, for all folds, one after the other.
    kept : bool
        Whether it is the model.

    Examples
    --------
    >>> import quickprop
    >>> from quickprop.data import sample_path
    >>> model = quickprop.fit(sample_path("iris"), target="species", fits=5)
    >>> isinstance(model.leaderboard[0], quickprop.models.Standing)
    True
    >>> sum(one.kept for one in model.leaderboard)
    1
    """

    name: str
    scores: Scores
    loss: float
    error: float
    networks: int
    parameters: int
    seconds: float
    kept: bool = False

    def to_document(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Fields, task: type[Task]) -> Standing:
        """Read back what `to_document` wrote (`ModelFileError`)."""
        return cls(
            fields.text("name", WHO),
            score_numbers(fields.value("scores"), f"{fields.where}: scores", task.score_names),
            fields.number("loss"),
            fields.number("error"),
            fields.whole("networks", 0, 2**31),
            fields.whole("parameters", 0, 2**53),
            fields.number("seconds"),
            fields.flag("kept"),
        )


def score_numbers(
    document: object, where: str, names: tuple[str, ...], later: tuple[str, ...] = ()
) -> dict[str, float]:
    """An object with these names, perhaps without `later`, a number each (`ModelFileError`)."""
    fields = Fields(document, where)
    assert isinstance(document, dict)
    if set(document) | set(later) != set(names):
        fields.refuse("other names than expected", allowed=", ".join(names))
    for name in document:
        value = document[name]
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not known or abs(value) > sys.float_info.max:
            fields.refuse(f"{name!r} is not a number", given=repr(value)[:80])
    # NaN is a number here: R2 of a constant test part is one.
    return {name: document[name] for name in document}
