"""Rosenblatt's rule by hand, and the bound of Novikoff."""

import numpy as np
import pytest

from quickprop.errors import QuickpropError
from quickprop.nn.perceptron import Perceptron

BACKENDS = ("reference", "native")
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def by_the_book(x, y, epochs):
    """Rosenblatt's rule, row after row."""
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    while len(mistakes) < epochs and (not mistakes or mistakes[-1]):
        mistakes.append(0)
        for row, true in zip(x, y):
            error = true - float(w @ row + b > 0)
            w, b = w + error * row, b + error
            mistakes[-1] += abs(int(error))
    return w, b, mistakes


@pytest.mark.parametrize("backend", BACKENDS)
def test_and_by_hand(backend):
    # The first epoch, weights (w1, w2; b), from zero: 00, 01 and 10 give 0 and are right; 11 gives
    # 0 and should give 1: (1, 1; 1).
    # The second: 00 gives 1: (1, 1; 0). 01 gives 1: (1, 0; -1). 10 gives 0, right. 11 gives 0:
    # (2, 1; 0).
    perceptron = Perceptron(2)
    perceptron.fit(CORNERS, [0, 0, 0, 1], epochs=1, backend=backend)
    assert (perceptron.weights.tolist(), perceptron.bias) == ([1, 1], 1)
    perceptron = Perceptron(2)
    perceptron.fit(CORNERS, [0, 0, 0, 1], epochs=2, backend=backend)
    assert (perceptron.weights.tolist(), perceptron.bias) == ([2, 1], 0)
    assert perceptron.mistakes == [1, 3]
    assert not perceptron.separated
    perceptron = Perceptron(2).fit(CORNERS, [0, 0, 0, 1], backend=backend)
    assert perceptron.separated
    assert perceptron.predict(CORNERS, backend=backend).tolist() == [0, 0, 0, 1]


def separable(seed, features):
    """Rows that a known plane clears by 0.1, and how often the rule may err on them."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (400, features))
    plane = np.array([*rng.normal(size=features), 0.2])
    plane /= np.linalg.norm(plane)
    lifted = np.column_stack([x, np.ones(len(x))])
    clear = np.abs(lifted @ plane) > 0.1
    x, lifted = x[clear], lifted[clear]
    y = (lifted @ plane > 0).astype(int)
    gamma, radius = np.abs(lifted @ plane).min(), np.linalg.norm(lifted, axis=1).max()
    return x, y, (radius / gamma) ** 2


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("seed", "features"), [(7, 1), (1, 2), (2, 5), (3, 20)])
def test_it_separates_within_the_bound_of_novikoff(backend, seed, features):
    x, y, bound = separable(seed, features)
    assert 30 < y.sum() < len(x) - 30
    perceptron = Perceptron(features).fit(x, y, backend=backend)
    assert perceptron.separated
    assert 0 < sum(perceptron.mistakes) <= bound
    np.testing.assert_array_equal(perceptron.predict(x, backend=backend), y)
    w, b, mistakes = by_the_book(x, y, 1000)
    assert perceptron.mistakes == mistakes
    np.testing.assert_allclose([*perceptron.weights, perceptron.bias], [*w, b], rtol=1e-9)


def test_what_no_line_separates_is_said_plainly():
    perceptron = Perceptron(2).fit(CORNERS, [0, 1, 1, 0], epochs=50)
    assert not perceptron.separated
    assert len(perceptron.mistakes) == 50
    assert min(perceptron.mistakes) >= 1
    assert repr(perceptron) == (
        "<Perceptron of 2 inputs: did not separate the classes in 50 epochs: 4 mistakes in the "
        "last, over 4 rows; either no plane does, or the gap is narrow and more epochs would find "
        "one>"
    )


def test_words_for_what_was_reached():
    perceptron = Perceptron(1, input_names=["age"])
    assert repr(perceptron) == "<Perceptron of 1 input: not trained>"
    perceptron.fit([[1], [2]], [0, 0])
    assert perceptron.verdict == "separated all 2 rows after 1 epoch and 0 mistakes"
    perceptron = Perceptron(2).fit(CORNERS, [0, 0, 0, 1])
    epochs, mistakes = len(perceptron.mistakes), sum(perceptron.mistakes)
    assert f"after {epochs} epochs and {mistakes} mistakes" in perceptron.verdict
    assert f"{epochs} epochs and {mistakes} mistakes>" in str(Perceptron.__doc__)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: Perceptron(0), "Perceptron.features"),
        (lambda: Perceptron(2, input_names=["a"]), "a name for each input"),
        (lambda: Perceptron(2).fit(CORNERS, [0, 1, 2, 0]), r"neither 0 nor 1 .*\[0.0, 1.0, 2.0\]"),
        (lambda: Perceptron(2).fit(CORNERS, [-1, 1, 1, 1]), "neither 0 nor 1"),
        (lambda: Perceptron(2).fit(CORNERS, [0, 1, 1, np.nan]), "neither 0 nor 1"),
        (lambda: Perceptron(2).fit(CORNERS, ["a", "b", "a", "b"]), "'y': .*not hold numbers"),
        (lambda: Perceptron(2).fit(CORNERS, [0, 1]), "inputs differ in rows"),
        (lambda: Perceptron(2).fit(CORNERS, [[0, 1, 1, 0]]), "'y': an array has the wrong shape"),
        (lambda: Perceptron(3).fit(CORNERS, [0, 1, 1, 0]), "'numeric': .*wrong shape"),
        (
            lambda: Perceptron(2).fit(np.full((4, 2), np.nan), [0, 1, 1, 0]),
            "fit.x: NaN or infinity",
        ),
        (lambda: Perceptron(2).fit(np.zeros((0, 2)), []), "no rows"),
        (lambda: Perceptron(2).fit(CORNERS, [0, 1, 1, 0], epochs=0), "Perceptron.fit.epochs"),
        (lambda: Perceptron(2).fit(CORNERS, [0, 1, 1, 0], backend="nativ"), "Did you mean"),
        (lambda: Perceptron(2).predict([[1, 2, 3]]), "wrong shape"),
    ],
)
def test_wrong_use(use, message):
    with pytest.raises(QuickpropError, match=message):
        use()
