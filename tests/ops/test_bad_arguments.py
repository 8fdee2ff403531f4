"""Every function of tensors with every kind of bad argument: our errors, never foreign ones."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import quickprop
from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.errors import DTypeError, GraphError, QuickpropError, ShapeError
from quickprop.graph import constant, matmul, placeholder, row_count, variable

X = placeholder((None, 4))
W = variable(np.ones((4, 3)))
WHOLE = placeholder((None,), "int32")


class Unprintable:
    """Something that comes from far away."""

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("no array")


BAD: list[Any] = [
    None, "x", "", "\ud800", b"x", True, 0, -1, 1.5, 10**400, float("nan"), float("inf"), 1 + 2j,
    [], [[]], {}, set(), object(), Unprintable(), [1, [2]], ["a"], [None], [1j], (0, 1, 2, 3, 4),
    np.array([object()]), np.zeros((0, 3)), np.zeros((2, 2)), np.float32(1), np.array("now", "M8"),
    lambda: 1, int, X, W, WHOLE, [X, W], slice(None), Ellipsis,
]  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(ops, name) for name in ops.__all__},
    "constant": constant, "variable": variable, "placeholder": placeholder, "matmul": matmul,
    "row_count": row_count, "gradients": gradients, "function": quickprop.function,
    "batch_matmul": quickprop.batch_matmul, "add": lambda a: X + a, "power": lambda a: a**X,
    "index": lambda a: X[:, a], "rows": lambda a: X[a], "product": lambda a: X @ a,
    "assign": lambda a: W.assign(a),
}  # fmt: skip
#: An argument that would do, by the name of the parameter.
GOOD: dict[str, Any] = {
    "x": X, "a": X, "b": X, "condition": X, "mask": X, "parts": [X, X], "table": W,
    "index": WHOLE, "labels": WHOLE, "matrix": X, "seed": constant(0), "step": constant(0),
    "loss": ops.sum(W), "wrt": [W], "value": [[1.0]], "shape": (None, 4), "dtype": "float32",
    "inputs": [X], "outputs": [X @ W], "updates": (), "kernel": W, "axes": (0, 1), "size": 2,
    "before": (0, 1), "after": (0, 0), "stream": "s", "classes": 3,
}  # fmt: skip


def calls(function: Callable[..., Any]) -> list[tuple[Any, ...]]:
    """Each bad argument in each place, good ones in the others, and all places bad."""
    places = [
        p for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    good = [GOOD.get(p.name, None if p.default is p.empty else p.default) for p in places]
    found = [
        (*good[:k], bad, *good[k + 1 :]) for k, bad in itertools.product(range(len(good)), BAD)
    ]
    return found + [(bad,) * len(good) for bad in BAD]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_foreign_error(name: str):
    function = FUNCTIONS[name]
    foreign = []
    for arguments in calls(function):
        try:
            function(*arguments)
        except QuickpropError:
            pass
        except Exception as error:
            foreign.append((arguments, type(error).__name__, str(error)[:60]))
    assert not foreign, f"{len(foreign)} calls, the first: {foreign[:4]}"


def test_a_constant_row_outside_the_table_is_refused_when_the_graph_is_written():
    table = variable([[1.0], [2.0]])
    with pytest.raises(ShapeError, match=r"no such row of the table .*0 to 1; given: 2"):
        ops.gather(table, constant([0, 2]))
    with pytest.raises(ShapeError, match="given: -1"):
        ops.gather(table, constant([-1]))


@pytest.mark.parametrize("value", [10**400, 2**31, -(2**40), [1, 10**400], [float("nan")]])
def test_numbers_that_int32_cannot_hold(value: Any):
    with pytest.raises(DTypeError):
        constant(value, "int32")


def test_names_can_be_written_down():
    for make in (lambda n: placeholder((1,), name=n), lambda n: constant(1, name=n)):
        with pytest.raises(GraphError, match="half a character"):
            make("a\udc80")
        with pytest.raises(GraphError, match="a name is text"):
            make(3)


@pytest.mark.parametrize("name", sorted(set(ops.__all__) - {"one_hot", "from_one_hot", "uniform"}))
def test_arrays_give_arrays_of_the_same_numbers(name: str):
    """Every function computes at once what its graph would."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.1, 0.9, (2, 6, 3))
    two = (x, rng.uniform(0.1, 0.9, (2, 6, 3)))
    given: dict[str, tuple[Any, ...]] = {
        **dict.fromkeys(["maximum", "minimum", "equal", "masked_softmax"], two),
        "where": (x > 0.5, *two), "concat": (two,), "gather": (x[0], np.array([0, 5, 2])),
        "cast": (x, "float32"), "pad": (x, (0, 1, 0), (0, 0, 2)), "reshape": (x, (2, 18)),
        "transpose": (x, (0, 2, 1)), "max_pool": (x, 2), "average_pool": (x, 2),
        "convolve": (x, rng.normal(size=(2, 3, 4))), "normal": ((2, 3), "s", 0, 0),
    }  # fmt: skip
    arguments = given.get(name, (x,))
    function = getattr(ops, name)
    found = function(*arguments)
    assert isinstance(found, np.ndarray)
    made = [
        [constant(b, "float64") for b in a] if isinstance(a, tuple) and isinstance(a[0], np.ndarray)
        else constant(a, "int32" if a.dtype.kind == "i" else "float64") if isinstance(a, np.ndarray)
        else constant(a, "int32") if name == "normal" and isinstance(a, int)
        else a
        for a in arguments
    ]  # fmt: skip
    plain = quickprop.function([], function(*made), backend="reference")()
    np.testing.assert_array_equal(found, plain)
    single = [a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
              for a in arguments]  # fmt: skip
    if name not in ("cast", "concat", "where", "normal"):
        assert function(*single).dtype == np.float32


def test_a_list_of_numbers_will_do():
    assert quickprop.mean([1, 2, 3]) == 2.0
    assert quickprop.sum([[1, 2], [3, 4]], 0).tolist() == [4.0, 6.0]
    assert quickprop.maximum([1, 5], 3).tolist() == [3.0, 5.0]
    assert quickprop.exp(0.0) == 1.0
    assert quickprop.relu(np.zeros((0, 2))).shape == (0, 2)
    with pytest.raises(ShapeError, match="mean: an empty array"):
        quickprop.mean([])
