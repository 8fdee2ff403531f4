import json
from pathlib import Path

import numpy as np
import pytest

from module_beside import module_beside
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import OPTIMIZERS, SGD
from quickprop.train import Callback, fit

HERE = Path(__file__).parent
golden = module_beside(__file__, "make_golden_losses")
RUNS = json.loads((HERE / "golden_losses.json").read_text())["runs"]


class Last(Callback):
    """Keeps the weights after the last epoch, which need not be the best."""

    def __init__(self, network):
        self.network = network

    def on_epoch(self, record, progress):
        self.weights = self.network.weights()


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", golden.CASES)
def test_ten_losses_and_the_weights_after_them(case, dtype, backend):
    kind, settings, _, _, l2 = golden.CASES[case]
    layers = [Dense(5), Activation("relu"), Dense(4), Activation("tanh"), Dense(3)]
    network = Network(layers, 3, dtype=dtype)
    network.set_weights(golden.starting_weights())
    last = Last(network)
    history = fit(
        network,
        golden.inputs(),
        golden.classes(),
        loss=CrossEntropy(),
        optimizer=OPTIMIZERS[kind](**settings),
        batch_size=golden.ROWS,
        epochs=golden.STEPS,
        l2=l2,
        callbacks=[last],
        backend=backend,
    )
    expected = RUNS[case]
    losses = [record.train_loss for record in history.epochs]
    # The history gives seven digits.
    np.testing.assert_allclose(losses, expected["losses"], 5.1e-7 if dtype == "float64" else 3e-6)
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    for name, value in last.weights.items():
        np.testing.assert_allclose(value, expected["weights"][name], tolerance, tolerance)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_one_step_by_hand(backend):
    # One neuron, w = (1, -1), b = 0.5, rows (1, 2) and (3, 1) with targets 0.5 and 0.5.
    # outputs:     1 - 2 + 0.5 = -0.5     3 - 1 + 0.5 = 2.5
    # differences: -1 and 2, squares 1 and 4, loss 2.5
    # slopes of the outputs: difference * 2 / 2 rows = -1 and 2
    # of w: -1 (1, 2) + 2 (3, 1) = (5, 0); of b: 1
    # rate 0.1: w = (0.5, -1), b = 0.4
    network = Network([Dense(1)], 2, dtype="float64")
    network.set_weights({"dense1.weight": [[1], [-1]], "dense1.bias": [0.5]})
    rows = np.array([[1.0, 2.0], [3.0, 1.0]])
    history = fit(
        network,
        rows,
        [0.5, 0.5],
        loss=MeanSquaredError(),
        optimizer=SGD(0.1),
        epochs=1,
        backend=backend,
    )
    assert history.epochs[0].train_loss == 2.5
    np.testing.assert_allclose(network.weights()["dense1.weight"], [[0.5], [-1.0]], atol=1e-15)
    np.testing.assert_allclose(network.weights()["dense1.bias"], [0.4], atol=1e-15)
