"""What passes and schedule make of a graph."""

from __future__ import annotations

import numpy as np

from quickprop import ops
from quickprop.autodiff import gradients
from quickprop.execution import function
from quickprop.graph import Graph, Op, matmul, placeholder, variable
from quickprop.passes.pipeline import run_passes


def test_the_gradient_of_slices_is_put_together_and_not_added_up():
    x = placeholder((None, 6), "float64")
    parts = [x[:, 0:2], x[:, 2:5], x[:, 5:6]]
    loss = ops.sum(ops.concat([ops.square(part) * float(k) for k, part in enumerate(parts)]))
    (gradient,) = gradients(loss, [x])
    graph = run_passes(Graph((x,), (gradient,)), verify=True)
    assert not any(node.op is Op.PAD for node in graph.nodes())
    found = function([x], gradient)(np.array([[1.0, 2, 3, 4, 5, 6]]))
    # 2 k x: 0 for the first piece, 2 x for the second, 4 x for the third.
    assert found.tolist() == [[0.0, 0.0, 6.0, 8.0, 10.0, 24.0]]


def test_pieces_that_overlap_or_leave_a_gap_are_added_up():
    x = placeholder((None, 6), "float64")
    for pieces in ((x[:, 0:3], x[:, 2:6]), (x[:, 0:2], x[:, 3:6])):
        loss = sum((ops.sum(ops.square(piece)) for piece in pieces[1:]), ops.sum(pieces[0]))
        (gradient,) = gradients(loss, [x])
        rows = np.arange(12.0).reshape(2, 6)
        plain = function([x], gradient, backend="reference")(rows)
        assert np.array_equal(function([x], gradient)(rows), plain)
        assert plain[1, 3] == 2 * 9.0


def test_pieces_along_a_middle_axis():
    x = placeholder((None, 3, 2), "float64")
    steps = [x[:, k] for k in range(3)]
    loss = ops.sum(ops.square(steps[0] * steps[2]) + ops.sin(steps[1]))
    (gradient,) = gradients(loss, [x])
    graph = run_passes(Graph((x,), (gradient,)), verify=True)
    assert not any(node.op is Op.PAD for node in graph.nodes())
    rows = np.random.default_rng(0).normal(size=(4, 3, 2))
    a, b, c = rows[:, 0], rows[:, 1], rows[:, 2]
    expected = np.stack([2 * a * c * c, np.cos(b), 2 * a * a * c], axis=1)
    for backend in ("native", "reference"):
        found = function([x], gradient, backend=backend)(rows)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_new_value_that_a_product_needs_is_computed_before_it():
    x = placeholder((2, 2), "float64")
    held = variable(np.eye(2), "float64")
    new = held * 2.0 + x
    run = function([x], matmul(new, new), [(held, new)])
    # new = [[3, 1], [1, 3]], its square [[10, 6], [6, 10]]
    assert run(np.ones((2, 2))).tolist() == [[10.0, 6.0], [6.0, 10.0]]
    assert held.value.tolist() == [[3.0, 1.0], [1.0, 3.0]]
