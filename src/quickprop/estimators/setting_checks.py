"""Checks of parameters beyond those of each by itself."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from quickprop.errors import DataError, SettingError


def is_many(value: Any) -> bool:
    """Whether it can be gone through: an array without axes cannot, though it has the method."""
    return hasattr(value, "__iter__") and getattr(value, "ndim", 1) != 0


def checked_widths(sizes: Any) -> list[int]:
    """`hidden_layer_sizes` as whole numbers above 0."""
    sizes = list(sizes) if is_many(sizes) else [sizes]
    if not all(isinstance(size, Integral) for size in sizes):
        raise SettingError(
            "a width that is not a whole number",
            where="hidden_layer_sizes",
            allowed="whole numbers above 0",
            given=repr(sizes)[:80],
        )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def check_together(
    estimator: Any,
    incremental: bool,
    X_val: Any,
    y_val: Any,
    sample_weight_val: Any,
    groups: Any,
) -> None:
    """Raise an error for settings that exclude each other."""
    looked_at = [
        name
        for name, given in (
            ("early_stopping=True", estimator.early_stopping),
            ("validation", estimator.validation is not None),
            ("X_val", X_val is not None),
        )
        if given
    ]
    if incremental and looked_at:
        raise ValueError(f"partial_fit does not support {looked_at[0]}")
    if (X_val is None) != (y_val is None):
        raise DataError("X_val and y_val belong together", where="fit")
    if sample_weight_val is not None and X_val is None:
        raise DataError("weights of rows that are not given", where="sample_weight_val")
    if groups is not None and estimator.validation is None:
        raise DataError(
            "nothing that keeps groups together",
            where="groups",
            hint="give a splitter, such as GroupShuffleSplit(1), as `validation`",
        )
    if len(looked_at) > 1 and X_val is not None:
        raise SettingError(
            "two validation parts", where="fit", given=" and ".join(looked_at), hint="give one"
        )
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        random = "dropout" if np.any(estimator.dropout) else None
        for name, given in (
            (random, random),
            ("normalization='batch'", estimator.normalization == "batch"),
            ("weight_decay", estimator.weight_decay),
            ("schedule", estimator.schedule),
            ("X_val", X_val is not None),
            ("validation", estimator.validation is not None),
        ):
            if given:
                raise SettingError(
                    "needs mini-batches",
                    where=str(name),
                    given="solver='lbfgs'",
                    hint="use solver='adam' or 'sgd'",
                )
    if estimator.n_ensemble > 1 and estimator.warm_start:
        raise SettingError(
            "an ensemble cannot go on from an earlier fit",
            where="n_ensemble",
            given="warm_start=True",
        )
