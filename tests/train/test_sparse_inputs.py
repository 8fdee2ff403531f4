"""Sparse rows to learn from, to validate with and to predict for."""

import numpy as np
import pytest
import scipy.sparse

from quickprop.errors import DataError, ModelFileError, ShapeError
from quickprop.losses import CrossEntropy
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import LBFGS, Adam
from quickprop.train import Callback, fit

RNG = np.random.default_rng(11)
X = (RNG.normal(size=(120, 60)) * (RNG.random((120, 60)) < 0.1)).astype(np.float32)
Y = (X[:, :20].sum(1) > 0).astype(np.int32)
ROWS = scipy.sparse.csr_array(X)


def fitted(rows, optimizer=None, **settings):
    network = Network([Dense(16), Activation("tanh"), Dense(2)], 60, seed=1)
    settings = {"epochs": 4, "optimizer": optimizer or Adam(0.01), "seed": 3} | settings
    return network, fit(network, rows, Y, loss=CrossEntropy(), **settings)


def assert_same_weights(one: Network, other: Network) -> None:
    for name, weights in one.weights().items():
        np.testing.assert_array_equal(other.weights()[name], weights)


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_a_fit_on_sparse_rows_is_that_on_whole_ones(backend):
    settings = {"batch_size": 32, "backend": backend}
    whole, history = fitted(X, validation=(X[:50], Y[:50]), **settings)
    sparse, other = fitted(ROWS, validation=(ROWS[:50], Y[:50]), **settings)
    assert_same_weights(whole, sparse)
    assert [r.validation_loss for r in other.epochs] == [r.validation_loss for r in history.epochs]
    np.testing.assert_array_equal(sparse.predict(ROWS), whole.predict(X))


@pytest.mark.parametrize("backend", ["native", "reference"])
def test_full_batch_methods_take_sparse_rows(backend):
    whole, history = fitted(X, LBFGS(), backend=backend)
    sparse, other = fitted(ROWS, LBFGS(), backend=backend)
    assert_same_weights(whole, sparse)
    assert other.epochs[-1].train_loss == history.epochs[-1].train_loss < 0.3


class EndInThird(Callback):
    def on_slice(self, progress):
        if progress.epoch == 3:
            raise KeyboardInterrupt


def test_a_fit_on_sparse_rows_goes_on_from_its_file(tmp_path):
    settings = {"batch_size": 32, "checkpoint": tmp_path / "half"}
    _, history = fitted(ROWS, callbacks=[EndInThird()], **settings)
    assert len(history.epochs) < 4
    resumed, _ = fitted(ROWS, resume=True, **settings)
    through, _ = fitted(ROWS, batch_size=32)
    assert_same_weights(through, resumed)
    with pytest.raises(ModelFileError, match="another data"):
        fitted(scipy.sparse.csr_array(X * 2), resume=True, **settings)


def test_mixup_of_sparse_rows():
    assert_same_weights(fitted(X, mixup=0.2)[0], fitted(ROWS, mixup=0.2)[0])


def test_the_row_of_a_number_that_is_not_finite_is_named():
    broken = X.copy()
    broken[7, 3] = np.nan
    with pytest.raises(DataError, match="first in row 7"):
        fitted(scipy.sparse.csr_array(broken))


def test_too_few_columns():
    with pytest.raises(ShapeError, match="wrong shape"):
        fitted(ROWS[:, :50])
