import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from quickprop.errors import SettingError
from quickprop.foundation.one_blas_thread import one_blas_thread
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.models.inputs import Interface
from quickprop.models.recipe import Recipe
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import LBFGS, LinearNewton, row_curvature
from quickprop.train import fit


def rows(count=300, seed=0):
    """Numbers of different size, two of them nearly equal, and codes of rare levels."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 4)) * [1.0, 30.0, 0.02, 1.0]
    x[:, 3] = x[:, 0] + 0.01 * x[:, 3]
    codes = np.minimum(random.geometric(0.4, size=(count, 2)), 5).astype(np.int32)
    x = x.astype(np.float32)
    score = x[:, :1] * [1.0, -1.0, 0.0] + (codes[:, :1] % 3 == [0, 1, 2])
    labels = (score + random.gumbel(size=score.shape)).argmax(axis=1).astype(np.int32)
    return x, codes, labels


def linear_network(outputs):
    names = tuple(f"out{k}" for k in range(outputs))
    levels = (tuple("abcdef"),) * 2
    return Recipe(hidden=()).network(Interface(tuple("pqrs"), ("c", "d"), levels, names))


def design(x, codes):
    hot = [np.eye(6)[codes[:, k]] for k in range(2)]
    return np.concatenate([x, np.ones((len(x), 1)), *hot], axis=1).astype(np.float64)


def test_squared_errors_are_solved_at_once():
    x, codes, labels = rows()
    y = (x[:, :1] - 0.5 * labels[:, None] + codes[:, 1:]).astype(np.float32)
    network, penalty = linear_network(1), 0.01
    history = fit(
        network, (x, codes[:, :1], codes[:, 1:]), y, loss=MeanSquaredError(),
        optimizer=LinearNewton(), l2=penalty, epochs=50, patience=None,
    )  # fmt: skip
    a = design(x, codes)
    # The loss is a mean, the penalty half of the sum of squares, and the bias has none.
    matrix = 2.0 * a.T @ a / len(x) + penalty * np.diag(np.arange(a.shape[1]) != 4)
    exact = np.linalg.solve(matrix, 2.0 * a.T @ y.astype(np.float64) / len(x))
    found = np.concatenate([w.reshape(-1) for w in network.weights().values()])
    np.testing.assert_allclose(a @ found[:, None], a @ exact, atol=2e-4)
    assert len(history.epochs) <= 4


@pytest.mark.parametrize("most_lines", [row_curvature.MOST_LINES, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_classes_as_the_other_method(monkeypatch, most_lines, weighted):
    monkeypatch.setattr(row_curvature, "MOST_LINES", most_lines)
    x, codes, labels = rows()
    weights = np.linspace(0.1, 2.0, len(x)) if weighted else None
    reached = []
    for method in (LinearNewton(tolerance_change=1e-9), LBFGS()):
        history = fit(
            linear_network(3), (x, codes[:, :1], codes[:, 1:]), labels, loss=CrossEntropy(),
            optimizer=method, l2=0.01, epochs=2000, patience=None, weights=weights,
        )  # fmt: skip
        reached.append(history)
    ours, theirs = reached
    near = 1e-4 if most_lines > 1 else 1e-3
    assert ours.epochs[-1].train_loss == pytest.approx(theirs.epochs[-1].train_loss, abs=near)
    if most_lines > 1:
        assert len(ours.epochs) <= 40


def test_only_linear_networks():
    x, _, labels = rows()
    network = Network([Dense(3), Activation("tanh"), Dense(3)], 4)
    with pytest.raises(SettingError, match="linear networks only"):
        fit(network, x, labels, loss=CrossEntropy(), optimizer=LinearNewton())


def test_sparse_rows_and_one_pass_of_many(monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    monkeypatch.setattr("quickprop.optim.linear_rows.PIECE", 64)
    x, _, labels = rows()
    results = []
    for given in (x, sparse.csr_array(x)):
        network = Network([Dense(3)], 4, seed=1)
        fit(network, given, labels, loss=CrossEntropy(), optimizer=LinearNewton(), l2=0.01)
        results.append(network.predict(x))
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)


def test_the_same_bits_twice_and_no_step_without_time():
    x, _, labels = rows()
    weights = []
    for _ in range(2):
        network = Network([Dense(3)], 4, seed=1)
        fit(network, x, labels, loss=CrossEntropy(), optimizer=LinearNewton())
        weights.append(network.weights()["dense1.weight"].tobytes())
    assert weights[0] == weights[1]
    network = Network([Dense(3)], 4, seed=1)
    start = network.weights()["dense1.weight"].tobytes()
    history = fit(network, x, labels, loss=CrossEntropy(), optimizer=LinearNewton(), budget=1e-9)
    assert not history.epochs
    assert network.weights()["dense1.weight"].tobytes() == start


def test_the_same_bits_for_any_number_of_blas_threads():
    random = np.random.default_rng(0)
    x = random.normal(size=(6000, 150)).astype(np.float32)
    labels = (x @ random.normal(size=(150, 3))).argmax(axis=1).astype(np.int32)
    found = []
    for threads in (1, 2, 4):
        network = Network([Dense(3)], 150, seed=0)
        with threadpool_limits(threads, user_api="blas"):
            fit(network, x, labels, loss=CrossEntropy(), optimizer=LinearNewton(), epochs=4, l2=0.1)
        found.append(network.weights())
    for other in found[1:]:
        assert all((other[name] == array).all() for name, array in found[0].items())


def test_the_limit_is_lifted_after_the_block():
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before, seen = threads(), []

    @one_blas_thread()
    def held():
        seen.append(threads())

    with one_blas_thread():
        held()
        assert threads() == seen[0]
    assert set(seen[0]) <= {1}
    assert threads() == before
    # Another thread leaves the number as it is: it could not put it back.
    other = threading.Thread(target=held)
    other.start()
    other.join()
    assert seen[1] == threads() == before
