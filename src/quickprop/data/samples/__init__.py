"""Small real tables that ship with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quickprop.config import one_of

_LICENCE = "CC BY 4.0 (the licence the UCI Machine Learning Repository states)"


@dataclass(frozen=True)
class Sample:
    """A table, what is predicted from it, and where it comes from."""

    name: str
    target: str
    about: str
    source: str
    licence: str = _LICENCE

    @property
    def path(self) -> Path:
        """The file inside the installed package."""
        return Path(__file__).parent / f"{self.name}.csv.gz"


_ALL = (
    Sample(
        "abalone",
        "rings",
        "Predict the number of shell rings, and so the age, of an abalone from its measures.",
        "UCI Machine Learning Repository, Abalone; Nash et al. 1994",
    ),
    Sample(
        "german_credit",
        "class",
        "Predict whether a loan is a good or a bad risk from what the bank asked.",
        "UCI Machine Learning Repository, Statlog (German Credit Data); Hofmann 1994",
    ),
    Sample(
        "iris",
        "species",
        "Tell three species of iris apart by the measures of their sepals and petals.",
        "UCI Machine Learning Repository, Iris; Fisher 1936",
    ),
)
SAMPLES: dict[str, Sample] = {sample.name: sample for sample in _ALL}
"""The tables by name."""


def sample_path(name: str) -> Path:
    """The file of the sample called `name`; an unknown name is a `SettingError`.

    Examples
    --------
    >>> from quickprop.data import sample_path
    >>> sample_path("iris").name
    'iris.csv.gz'
    """
    return SAMPLES[one_of(name, tuple(SAMPLES), "sample")].path
