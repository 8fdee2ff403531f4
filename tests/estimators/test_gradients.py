"""What L-BFGS is given: the loss of all rows and its gradient, against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from quickprop.estimators.gradient_engine import GradientEngine
from quickprop.estimators.losses import HalfPoissonDeviance
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.rows import Rows
from quickprop.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from quickprop.nn import Activation, Dense, Network

RANDOM = np.random.default_rng(0)
ROWS = 1200  # More than two mini-batches of the engine.
#: Objective, target.
CASES = {
    "classes": (ScaledLoss(CrossEntropy()), RANDOM.integers(0, 3, ROWS).astype(np.int32)),
    "labels": (
        ScaledLoss(BinaryCrossEntropy(), 3, 3),
        RANDOM.integers(0, 2, (ROWS, 3)).astype(float),
    ),
    "numbers": (ScaledLoss(MeanSquaredError(), 1.5, 0.5), RANDOM.normal(size=(ROWS, 3))),
    "counts": (
        ScaledLoss(HalfPoissonDeviance(), 3, 3),
        RANDOM.integers(0, 4, (ROWS, 3)).astype(float),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_the_loss(name, weighted):
    objective, target = CASES[name]
    network = Network([Dense(4), Activation("tanh"), Dense(3)], 5, dtype="float64")
    weights = RANDOM.uniform(0, 2, ROWS) if weighted else None
    rows = Rows((RANDOM.normal(size=(ROWS, 5)),), target, weights)
    engine = GradientEngine(network, objective, rows, alpha=3.0)
    start = engine.position()
    _, found = engine(start)
    assert len(found) == 5 * 4 + 4 + 4 * 3 + 3
    step = 1e-5
    for k in range(len(start)):
        move = np.zeros(len(start))
        move[k] = step
        measured = (engine(start + move)[0] - engine(start - move)[0]) / (2 * step)
        assert found[k] == pytest.approx(measured, abs=1e-8)


def test_the_loss_of_two_rows_by_hand():
    # f = 2x + 1 gives 3 and 5 for x = 1 and 2; targets 1 and 5; weights 3 and 1; alpha 8.
    # Half the squared error: (3 * 2 + 1 * 0) / 4 = 1.5; the penalty: 8 / 2 * 2**2 / 4 = 4.
    # Slope by the weight: (3 * 2 * 1) / 4 + 8 * 2 / 4 = 5.5; by the bias: 6 / 4 = 1.5.
    network = Network([Dense(1)], 1, dtype="float64")
    network.set_weights({"dense1.weight": [[2.0]], "dense1.bias": [1.0]})
    rows = Rows((np.array([[1.0], [2.0]]),), np.array([[1.0], [5.0]]), np.array([3.0, 1.0]))
    engine = GradientEngine(network, ScaledLoss(MeanSquaredError(), 0.5, 0.5), rows, alpha=8.0)
    value, found = engine(engine.position())
    assert value == pytest.approx(5.5)
    np.testing.assert_allclose(found, [5.5, 1.5])
    assert engine.reported(engine.position(), value) == pytest.approx(5.5)
