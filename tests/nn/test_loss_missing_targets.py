"""Fits leave out what is missing of a target, and weigh what is there."""

import numpy as np
import pytest

from quickprop.losses import CrossEntropy, Hinge, MeanSquaredError
from quickprop.nn import Dense, Network
from quickprop.optim import SGD, Adam
from quickprop.train import fit
from quickprop.train.arrays import checked_part
from quickprop.train.evaluation import Evaluation

NAN = np.nan


def data(rows=60):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 2))
    y = np.column_stack([x @ [1.0, -2.0] + 3.0, x @ [0.5, 0.5] - 1.0])
    return x, y + generator.normal(0.0, 0.3, y.shape), generator


def fitted(x, y, loss, width, **settings):
    network = Network([Dense(width)], 2, dtype="float64")
    settings = {"epochs": 800, "batch_size": len(x), "patience": None} | settings
    history = fit(network, x, y, loss=loss, **settings)
    return network.weights(), history


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_each_column_is_the_least_squares_line_of_its_own_rows(backend):
    x, y, generator = data()
    y[generator.random(y.shape) < 0.4] = NAN
    y[7] = NAN
    optimizer = SGD(0.3)
    found, history = fitted(x, y, MeanSquaredError(), 2, optimizer=optimizer, backend=backend)
    squares, count = 0.0, 0
    for column in range(2):
        there = ~np.isnan(y[:, column])
        design = np.column_stack([np.ones(there.sum()), x[there]])
        line, rest, *_ = np.linalg.lstsq(design, y[there, column])
        ours = [found["dense1.bias"][column], *found["dense1.weight"][:, column]]
        np.testing.assert_allclose(ours, line, rtol=1e-8)
        squares, count = squares + rest[0], count + there.sum()
    # The reported loss is the mean over the numbers that are there.
    assert history.best_loss == pytest.approx(squares / count, rel=1e-6)


def test_weights_of_columns():
    x, y, generator = data()
    factors = generator.random(y.shape)
    found, _ = fitted(x, y, MeanSquaredError(), 2, optimizer=SGD(0.3), weights=factors)
    for column in range(2):
        root = np.sqrt(factors[:, column])
        design = np.column_stack([np.ones(60), x])
        line = np.linalg.lstsq(design * root[:, None], y[:, column] * root)[0]
        ours = [found["dense1.bias"][column], *found["dense1.weight"][:, column]]
        np.testing.assert_allclose(ours, line, rtol=1e-8)


@pytest.mark.parametrize("loss", [CrossEntropy(), Hinge()])
def test_missing_classes_are_rows_left_out(loss):
    x, _, generator = data()
    codes = generator.integers(0, 3, 60)
    partly = np.where(generator.random(60) < 0.3, NAN, codes)
    there = ~np.isnan(partly)
    settings = {"epochs": 30, "optimizer": Adam(0.05)}
    one, history = fitted(x, partly, loss, 3, **settings)
    other, shorter = fitted(x[there], codes[there], loss, 3, **settings)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9)
    assert history.best_loss == pytest.approx(shorter.best_loss, rel=1e-6)


def test_validation_leaves_out_what_is_missing():
    x, _, _ = data()
    network = Network([Dense(2)], 2)
    network.set_weights({"dense1.weight": np.zeros((2, 2)), "dense1.bias": [1.0, 0.0]})
    held_out = np.array([[3.0, 1.0], [NAN, 2.0], [NAN, NAN]])
    part = checked_part(network, MeanSquaredError(), x[:3], held_out, None, "validation")
    # Squares 4, 1 and 4 of three numbers.
    arrays = (*part.inputs, part.target)
    assert Evaluation(network, MeanSquaredError(), arrays, part.weights)() == pytest.approx(3.0)
    # Row weights 1, 2, 5: (4 + 1 + 2 * 4) / (1 + 1 + 2).
    part = checked_part(network, MeanSquaredError(), x[:3], held_out, [1, 2, 5], "validation")
    assert Evaluation(network, MeanSquaredError(), arrays, part.weights)() == pytest.approx(3.25)


def test_a_whole_target_needs_no_factors():
    x, y, _ = data()
    network = Network([Dense(2)], 2)
    assert checked_part(network, MeanSquaredError(), x, y, None, "training").weights is None
    codes = np.zeros(60)
    codes[3] = NAN
    part = checked_part(network, CrossEntropy(), x, codes, None, "training")
    # One factor a row: 60 / 59, and 0 for the missing one.
    assert part.weights.shape == (60,)
    assert part.weights[3] == 0.0
    np.testing.assert_allclose(part.weights[:3], 60 / 59, rtol=1e-6)
    assert part.target.dtype == np.int32
