"""Arrays of any rank lie in padded lines and look like plain ones."""

import numpy as np
import pytest

from quickprop.execution import function
from quickprop.graph import placeholder, variable
from quickprop.losses import MeanSquaredError
from quickprop.native.variable_storage import padded_array
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import SGD
from quickprop.train import fit


@pytest.mark.parametrize("shape", [(3,), (5, 3), (3, 2, 3), (2, 7, 5), (4, 1, 2, 3), (2, 5, 3, 9)])
def test_lines_follow_each_other(shape):
    block, view = padded_array(shape, "float32", rows=False)
    numbers = np.arange(1, np.prod(shape) + 1, dtype="float32").reshape(shape)
    view[...] = numbers
    # 3 numbers take 4 places, 5 take 8, 9 take 16; behind them lie zeros.
    stride = {3: 4, 5: 8, 9: 16}[shape[-1]]
    lines = block[: numbers.size // shape[-1] * stride].reshape(-1, stride)
    assert (lines[:, : shape[-1]] == numbers.reshape(-1, shape[-1])).all()
    assert not lines[:, shape[-1] :].any()
    assert not block[lines.size :].any()


def test_a_kernel_of_a_convolution_is_read_line_by_line():
    kernel = variable(np.arange(18).reshape(3, 2, 3), "float32")
    x = placeholder((None,), "float32")
    run = function([x], kernel * 2.0, backend="native")
    assert run(np.ones(1)).ravel().tolist() == [2.0 * k for k in range(18)]


def test_weights_put_back_after_a_fit_that_went_astray_predict_again():
    # Three neurons lie in four places: what was not finite had come into the fourth.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), 1e15 * rng.normal(size=(40, 1))
    network = Network([Dense(3), Activation("tanh"), Dense(1)], 3)
    before = network.predict(x, backend="native")
    history = fit(network, x, y, loss=MeanSquaredError(), optimizer=SGD(1e10), backend="native")
    assert "no longer finite" in history.stopped
    assert (network.predict(x, backend="native") == before).all()
