"""A 2-2-1 network worked by hand, and wrong use of graphs with the errors it gives."""

from __future__ import annotations

import numpy as np
import pytest

import quickprop as qp
from quickprop.errors import DTypeError, GraphError, QuickpropError, SettingError, ShapeError
from quickprop.graph import Graph, Tensor, placeholder, variable


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_backward_and_update(backend: str, dtype: str):
    x, t = placeholder((None, 2), dtype), placeholder((None, 1), dtype)
    w1, b1 = variable([[1, -1], [0.5, 1]], dtype), variable([0, 0.5], dtype)
    w2, b2 = variable([[0.5], [-1]], dtype), variable([0.25], dtype)
    a1 = x @ w1 + b1
    h = qp.relu(a1)
    y = h @ w2 + b2
    loss = qp.mean(qp.square(y - t))
    parameters = [w1, b1, w2, b2]
    grads = qp.gradients(loss, parameters)
    updates = [(p, p - 0.1 * g) for p, g in zip(parameters, grads, strict=True)]
    step = qp.function([x, t], [a1, h, y, loss, *grads], updates, backend=backend)
    found = step([[1, 2]], [[1]])
    expected = [
        # a1 = (1*1 + 2*0.5 + 0, 1*-1 + 2*1 + 0.5), both above 0
        [[2, 1.5]],
        [[2, 1.5]],
        # y = 2*0.5 + 1.5*-1 + 0.25, loss = (y - 1)^2
        [[-0.25]],
        1.5625,
        # dy = 2 (y - 1) = -2.5; dh = dy w2' = (-1.25, 2.5); dw1 = x' dh, db1 = dh
        [[-1.25, 2.5], [-2.5, 5]],
        [-1.25, 2.5],
        # dw2 = h' dy, db2 = dy
        [[-5], [-3.75]],
        [-2.5],
    ]
    for value, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, np.asarray(right, dtype))
    # Each parameter less a tenth of its gradient.
    np.testing.assert_allclose(w1.value, [[1.125, -1.25], [0.75, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(b1.value, [0.125, 0.25], rtol=1e-6)
    np.testing.assert_allclose(w2.value, [[1.0], [-0.625]], rtol=1e-6)
    np.testing.assert_allclose(b2.value, [0.5], rtol=1e-6)


def rows(n: int, dtype: str = "float32") -> Tensor:
    return placeholder((None, n), dtype, "x")


def call(*arrays, n: int = 3):
    x = rows(n)
    return qp.function([x], x * 2.0)(*arrays)


WRONG = [
    ("shapes", lambda: rows(3) + rows(4), ShapeError, "cannot be broadcast", "[rows, 3]"),
    ("product", lambda: rows(3) @ variable(np.ones((4, 2))), ShapeError, "matmul", "[4, 2]"),
    ("types", lambda: rows(3) + rows(3, "float64"), DTypeError, "number types", "cast"),
    ("whole numbers", lambda: qp.exp(rows(3, "int32")), DTypeError, "floating-point", "cast"),
    ("rows second", lambda: placeholder((3, None)), ShapeError, "first axis", "rows"),
    ("length 0", lambda: placeholder((None, 0)), ShapeError, "at least 1", "0"),
    ("axis", lambda: qp.sum(rows(3), 5), ShapeError, "no such axis", "-2 to 1"),
    ("index", lambda: rows(3)[:, 7], ShapeError, "no such index", "-3 to 2"),
    ("truth", lambda: bool(rows(3) < 1.0), GraphError, "truth value", "where"),
    ("iterate", lambda: list(rows(3)), GraphError, "iterated", "rows"),
    ("array operand", lambda: rows(3) + np.ones(3), (GraphError, TypeError), "", ""),
    ("vector loss", lambda: qp.gradients(rows(3), []), GraphError, "single number", "mean"),
    ("missing input", lambda: qp.function([], rows(3)), GraphError, "not among the inputs", "Add"),
    ("type name", lambda: rows(3, "float16"), SettingError, "float32", "float16"),
    ("update shape", lambda: update_of_another_shape(), GraphError, "shape and type", "variable"),
    ("wrong width", lambda: call(np.ones((2, 4))), ShapeError, "'x'", "[2, 4]"),
    ("no rows", lambda: call(np.ones((0, 3))), ShapeError, "no rows", ""),
    ("text", lambda: call([["a", "b", "c"]]), DTypeError, "numbers", "'x'"),
    ("ragged", lambda: call([[1, 2, 3], [4]]), ShapeError, "not an array", "'x'"),
    ("too many", lambda: call(np.ones((1, 3)), 1.0), ShapeError, "wrong number of inputs", "2"),
    ("backend", lambda: qp.function([], variable(1.0), backend="nativ"), SettingError,
     "did you mean 'native'", "backend"),
    ("assign", lambda: variable([1.0, 2.0]).assign([1.0]), ShapeError, "another shape", "[2]"),
]  # fmt: skip


def update_of_another_shape():
    v = variable([1.0, 2.0], name="v")
    return Graph((), (v,), ((v, qp.sum(v)),)).verify()


@pytest.mark.parametrize(("name", "do", "kind", "what", "more"), WRONG, ids=[w[0] for w in WRONG])
def test_wrong_use(name: str, do, kind, what: str, more: str):
    with pytest.raises(kind) as caught:
        do()
    if isinstance(caught.value, QuickpropError):
        message = str(caught.value)
        assert what.lower() in message.lower()
        assert more in message
        assert len(message.splitlines()) == 1


def test_a_graph_prints_one_line_a_node():
    x = placeholder((None, 2), name="x")
    w = variable([[1.0], [2.0]], name="w")
    graph = Graph((x,), (x @ w,), ((w, w * 0.5),))
    assert str(graph).splitlines() == [
        "%0 = placeholder() : float32[rows, 2]  # x",
        "%1 = variable() : float32[2, 1]  # w",
        "%2 = matmul(%0, %1, transpose_a=False, transpose_b=False) : float32[rows, 1]",
        "%3 = constant(value=0.5) : float32[]",
        "%4 = reshape(%3, shape=(1, 1)) : float32[1, 1]",
        "%5 = broadcast(%4, shape=(2, 1)) : float32[2, 1]",
        "%6 = mul(%1, %5) : float32[2, 1]",
        "return %2",
        "%1 := %6",
    ]


def test_logits_of_ten_thousand_stay_exact():
    z, y = placeholder((None, 3)), placeholder((None,), "int32")
    loss = qp.CrossEntropy()(z, y)
    logits = [[1e4, 0, -1e4], [-1e4, 1e4, 0]]
    for backend in ("native", "reference"):
        run = qp.function([z, y], [loss, qp.softmax(z), *qp.gradients(loss, [z])], backend=backend)
        # The first row's loss is 0, the second's 2e4: f_y is -1e4 and the largest 1e4.
        value, shares, gradient = run(logits, np.array([0, 0], np.int32))
        assert value == 1e4
        np.testing.assert_array_equal(shares, [[1, 0, 0], [0, 1, 0]])
        np.testing.assert_array_equal(gradient, [[0, 0, 0], [-0.5, 0.5, 0]])


@pytest.mark.parametrize("backend", ["native", "reference"])
@pytest.mark.parametrize("terms", [40, 400])
def test_an_expression_may_be_deeper_than_the_stack_of_python(backend: str, terms: int):
    # What a recurrent layer is over many steps: y = w (1 + ... + terms), added up one by one, and
    # a chain of as many sines, whose gradient is the product of as many cosines.
    x, w = placeholder((None, 3), "float64"), variable([[2.0]], "float64")
    total, chain = x[:, :1] @ w, x
    for k in range(2, terms + 1):
        total = total + (x[:, :1] * float(k)) @ w if k < 40 else total + x[:, 1:2] * float(k)
        chain = qp.sin(chain)
    grads = qp.gradients(qp.sum(total) + qp.sum(chain), [x])
    given = np.array([[1.0, 1.0, 0.5]])
    value, deep, gradient = qp.function([x], [total, chain, *grads], backend=backend)(given)
    small = min(terms, 39) * (min(terms, 39) + 1) / 2
    rest = terms * (terms + 1) / 2 - small
    np.testing.assert_allclose(value, [[2.0 * small + rest]], 1e-12)
    a, factor = given[0], np.ones(3)
    for _ in range(terms - 1):
        a, factor = np.sin(a), factor * np.cos(a)
    np.testing.assert_allclose(deep[0], a, 1e-12)
    np.testing.assert_allclose(gradient[0], factor + np.array([2.0 * small, rest, 0.0]), 1e-11)
