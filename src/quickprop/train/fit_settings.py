"""The settings of a fit that are plain: numbers, flags and averaging."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.errors import SettingError
from quickprop.foundation.settings import (
    Component,
    boolean,
    choice,
    component,
    integer,
    number,
    optional,
    setting,
)
from quickprop.train.averaging import AVERAGING, Averaging
from quickprop.train.rate_factors import FACTORS, Factors
from quickprop.train.regularisers import Regularisers


@dataclass(frozen=True)
class FitSettings(Component):
    """Settings of `fit`, which explains them."""

    batch_size: int | None = setting(optional(integer(1)), None)
    epochs: int = setting(integer(1), 200)
    patience: int | None = setting(optional(integer(1)), 20)
    until: float | None = setting(optional(number(-np.inf)), None)
    budget: float | None = setting(optional(number(0.0)), None)
    mixup: float | None = setting(optional(number(0.0, low_open=True)), None)
    averaging: Averaging | None = setting(optional(component(AVERAGING)), None)
    rate_factors: Factors = setting(FACTORS, ())
    keep: str = setting(choice({"best": None, "last": None}), "best")
    seed: int = setting(integer(0), 0)
    threads: int | None = setting(optional(integer(1)), None)
    checkpoint_seconds: float = setting(number(0.0), 1.0)
    resume: bool = setting(boolean(), False)
    regularisers: Regularisers = setting(component({"Regularisers": Regularisers}), Regularisers())

    @classmethod
    def checked(cls, **given: Any) -> FitSettings:
        """The settings that were given to `fit`, by whose name errors call them."""
        of_step = Regularisers.rules()
        rules = {item.name: item.metadata["rule"] for item in dataclasses.fields(cls)} | of_step
        plain = {name: rules[name].checked(value, f"fit.{name}") for name, value in given.items()}
        regularisers = Regularisers(**{name: plain.pop(name) for name in of_step})
        return cls(**plain, regularisers=regularisers)

    def check_full_batch(self, method: str) -> None:
        """Raise `SettingError` for settings of mini-batch steps, which such a method lacks."""
        given = {
            **self.regularisers.to_document(),
            "mixup": self.mixup,
            "averaging": self.averaging,
            "rate_factors": self.rate_factors,
            "keep": self.keep,
        }
        off = {"mixup": None, "averaging": None, "rate_factors": (), "keep": "best"}
        none = {**Regularisers().to_document(), **off}
        for name, usual in none.items():
            value = given[name]
            if value != usual and name != "l2":
                raise SettingError(
                    f"{method} knows no such setting",
                    where=f"fit.{name}",
                    allowed=repr(usual),
                    given=repr(value)[:80],
                    hint="leave it out, or train with Adam()",
                )
