"""Whatever is given that makes no sense ends in an error of ours."""

from __future__ import annotations

import numpy as np
import pytest

from quickprop import ops
from quickprop.errors import QuickpropError
from quickprop.execution import Minibatches, function
from quickprop.graph import Graph, placeholder

X = placeholder((None, 2), name="x")
OTHER = placeholder((None, 2), "int32")
LOSS = Graph((X,), (ops.mean(X * X),))
ROWS = np.ones((4, 2), np.float32)
HUGE = 10**400


def batches(backend: str = "native") -> Minibatches:
    return Minibatches(LOSS, {X: ROWS}, 2, backend=backend)


@pytest.mark.parametrize(
    "given",
    [
        (5, {X: ROWS}, 2),
        (LOSS, 5, 2),
        (LOSS, {X: None}, 2),
        (LOSS, {}, 2),
        (LOSS, {X: ROWS, OTHER: ROWS}, 2),
        (LOSS, {X: ROWS}, "x"),
        (LOSS, {X: ROWS}, 0),
        (LOSS, {X: ROWS}, True),
        (LOSS, {X: ROWS}, 2.5),
        (LOSS, {X: ROWS}, HUGE),
        (Graph((X,), ()), {X: ROWS}, 2),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_what_cannot_be_bound(given):
    with pytest.raises(QuickpropError) as caught:
        Minibatches(*given)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["threads", "passes", "backend"])
@pytest.mark.parametrize("value", ["x", 0, -1, [], HUGE])
def test_settings(name: str, value):
    with pytest.raises(QuickpropError):
        Minibatches(LOSS, {X: ROWS}, 2, **{name: value})


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize(
    ("method", "given"),
    [
        ("bind", (5,)),
        ("bind", ({5: ROWS},)),
        ("bind", ({OTHER: ROWS},)),
        ("bind", ({X: ROWS[:1]},)),
        ("run", (0, 1, {5: 1.0})),
        ("run", (0, 1, {X: 1.0})),
        ("run", ("a", 1, {})),
        ("run", (0, "a", {})),
        ("run", (-1, 1, {})),
        ("run", (99, 1, {})),
        ("run", (HUGE, 1, {})),
        ("shuffle", ("a", 1)),
        ("shuffle", (-1, 1)),
        ("shuffle", (HUGE, 1)),
        ("shuffler", (5,)),
    ],
    ids=lambda given: repr(given)[:40],
)
def test_methods(backend: str, method: str, given):
    with pytest.raises(QuickpropError) as caught:
        getattr(batches(backend), method)(*given)
    assert len(str(caught.value)) < 400


class Hostile:
    def __array__(self, *given, **named):
        raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("kind", ["float32", "float64", "int32"])
@pytest.mark.parametrize(
    "value",
    [
        np.ones((1, 2), complex),
        np.array([[1, "a"]], object),
        [["\ud800", "b"]],
        [[HUGE, 1]],
        np.array([[HUGE, 1]], object),
        None,
        [[None, 1]],
        [[1], [1, 2]],
        {1: 2},
        np.array([["2020", "2021"]], "M8[D]"),
        np.zeros(1, [("a", "f4")]),
        Hostile(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_arrays(kind: str, value):
    x = placeholder((None, 2), kind)
    with pytest.raises(QuickpropError) as caught:
        function([x], x + x, backend="reference")(value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("values", ["period", "interval"])
def test_columns_of_pandas(values: str):
    pandas = pytest.importorskip("pandas")
    column = (
        pandas.period_range("2020", periods=2, freq="M")
        if values == "period"
        else pandas.interval_range(0, 2)
    )
    with pytest.raises(QuickpropError):
        function([X], X + X, backend="reference")(pandas.DataFrame({"a": column, "b": [1, 2]}))
