"""Whatever trains a network is found by its names, the other usual ones among them."""

from __future__ import annotations

import pytest

from quickprop import LBFGS, Adam, Dense, LevenbergMarquardt, Network
from quickprop.optim import FULL_BATCH_METHODS, OPTIMIZERS, TRAINING_METHODS
from quickprop.train import fit


def test_methods_are_optimizers_and_full_batch_methods():
    assert set(TRAINING_METHODS) == {*OPTIMIZERS, *FULL_BATCH_METHODS}
    for part in (OPTIMIZERS, FULL_BATCH_METHODS):
        for name, kind in part.items():
            assert TRAINING_METHODS[name] is kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lm", LevenbergMarquardt), ("LM", LevenbergMarquardt), ("l-bfgs", LBFGS), ("adam", Adam)],
)
def test_a_fit_takes_other_names(name: str, kind: type):
    known = TRAINING_METHODS.meant(name)
    assert known is not None
    assert TRAINING_METHODS[known] is kind
    network = Network([Dense(1)], 1)
    history = fit(
        network, [[0.0], [1.0]], [[1.0], [3.0]], loss="mse", optimizer=name, epochs=3,
        backend="reference",
    )  # fmt: skip
    assert history.epochs
