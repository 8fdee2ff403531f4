import numpy as np
import pytest

from quickprop.errors import SettingError
from quickprop.execution import Minibatches, function
from quickprop.graph import constant
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Network,
)
from quickprop.ops.normal_numbers import normal
from quickprop.optim import SGD, Adam
from quickprop.optim.lbfgs import LBFGS
from quickprop.train import ExponentialAverage, fit
from quickprop.train.objective import MeanLoss
from quickprop.train.regularisers import Regularisers
from quickprop.train.step import StepSpec, write_step

RATE = 0.1
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2))


class Steps:
    """Full-batch gradient descent on y = x w + b, a step at a time."""

    def __init__(self, backend, dtype, **settings):
        self.network = Network([Dense(2)], 3, seed=1, dtype=dtype)
        objective = MeanLoss(MeanSquaredError())
        spec = StepSpec(objective, SGD(RATE), regularisers=Regularisers(**settings))
        step = write_step(self.network, spec)
        data = {self.network.inputs[0]: X.astype(dtype), step.target: Y.astype(dtype)}
        self.batches = Minibatches(step.graph, data, len(X), backend=backend)
        self.scalars = step.scalars(learning_rate=RATE, seed=9)

    def weights(self):
        w, b = self.network.weights().values()
        return w.astype(np.float64), b.astype(np.float64)

    def make(self):
        self.batches.run(0, 1, self.scalars)


def gradients_at(w, b):
    """The gradients of the mean over rows and outputs of (x w + b - y)**2."""
    error = X @ w + b - Y
    return X.T @ error * (2 / Y.size), error.sum(axis=0) * (2 / Y.size)


def held_between(g, h, end):
    return np.clip(g, -end, end), np.clip(h, -end, end)


def shortened(g, h, longest):
    factor = min(1.0, longest / (np.sqrt((g * g).sum() + (h * h).sum()) + 1e-6))
    return g * factor, h * factor


def short_columns(w, longest):
    norms = np.sqrt((w * w).sum(axis=0))
    return w * np.minimum(1.0, longest / norms)


#: Settings; what becomes of the gradients by w and b; what becomes of the new w.
CASES = {
    "l1": ({"l1": 0.05}, lambda g, h, w: (g + 0.05 * np.sign(w), h), None),
    "l2": ({"l2": 0.3}, lambda g, h, w: (g + 0.3 * w, h), None),
    "both": (
        {"l1": 0.02, "l2": 0.1},
        lambda g, h, w: (g + 0.1 * w + 0.02 * np.sign(w), h),
        None,
    ),
    "clipped by value": ({"clip_value": 0.1}, lambda g, h, w: held_between(g, h, 0.1), None),
    "clipped by norm": ({"clip_norm": 0.25}, lambda g, h, w: shortened(g, h, 0.25), None),
    "wide enough": ({"clip_norm": 1e3, "clip_value": 1e3}, lambda g, h, w: (g, h), None),
    "penalty, value, norm": (
        {"l2": 1.0, "clip_value": 0.2, "clip_norm": 0.3},
        lambda g, h, w: shortened(*held_between(g + w, h, 0.2), 0.3),
        None,
    ),
    "short weights": (
        {"max_norm": 0.4},
        lambda g, h, w: (g, h),
        lambda w: short_columns(w, 0.4),
    ),
}


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_ten_steps_by_hand(case, dtype, backend):
    settings, change, hold = CASES[case]
    steps = Steps(backend, dtype, **settings)
    w, b = steps.weights()
    for _ in range(10):
        steps.make()
        g, h = change(*gradients_at(w, b), w)
        w, b = w - RATE * g, b - RATE * h
        if hold is not None:
            w = hold(w)
        tolerance = 1e-12 if dtype == "float64" else 1e-5
        for got, expected in zip(steps.weights(), (w, b), strict=True):
            np.testing.assert_allclose(got, expected, tolerance, tolerance)


@pytest.mark.parametrize("case", CASES)
def test_every_case_but_the_wide_one_changes_the_steps(case):
    settings, _, _ = CASES[case]
    with_it, without = Steps("reference", "float64", **settings), Steps("reference", "float64")
    with_it.make()
    without.make()
    same = (with_it.weights()[0] == without.weights()[0]).all()
    assert same == (case == "wide enough")


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weight_noise_by_hand(dtype, backend):
    # The gradient is that of the noisy weights, the step is made from the weights themselves.
    steps = Steps(backend, dtype, weight_noise=0.5)
    w, b = steps.weights()
    for count in range(3):
        steps.make()
        seed, step = constant(9, "int32"), constant(count, "int32")
        noise = function((), normal(w.shape, "dense1.weight.noise", seed, step, dtype))()
        assert 0.1 < noise.std() < 2.0
        g, h = gradients_at(w + 0.5 * noise, b)
        w, b = w - RATE * g, b - RATE * h
        tolerance = 1e-10 if dtype == "float64" else 1e-5
        np.testing.assert_allclose(steps.weights()[0], w, tolerance, tolerance)
        np.testing.assert_allclose(steps.weights()[1], b, tolerance, tolerance)


@pytest.mark.parametrize("settings", [{"weight_noise": 0.2}, {"max_norm": 0.5}, {"mixup": 0.5}])
def test_images_and_what_layers_gather_on_both_backends(settings):
    x, y = RNG.normal(size=(24, 6, 6, 2)).astype(np.float32), np.arange(24, dtype=np.int32) % 3
    weights = {}
    for backend in ("reference", "native"):
        layers = [Conv2D(5, 3), BatchNorm(), Activation("relu"), Flatten(), Dense(3)]
        network = Network(layers, (6, 6, 2))
        fit(
            network, x, y, loss=CrossEntropy(), optimizer=SGD(0.05), epochs=3, batch_size=8,
            averaging=ExponentialAverage(0.8), backend=backend, **settings,
        )  # fmt: skip
        weights[backend] = network.weights()
    for name, array in weights["native"].items():
        np.testing.assert_allclose(array, weights["reference"][name], 1e-3, 1e-5)
    if "max_norm" in settings:
        kernel = weights["native"]["conv2d1.weight"]
        assert np.sqrt((kernel**2).sum(axis=(0, 1, 2))).max() < 0.5001
    means = [array for name, array in weights["native"].items() if name.endswith(".mean")]
    assert means[0].any()


def test_what_is_off_leaves_no_trace():
    def text(regularisers):
        network = Network([Dense(4), Activation("tanh"), Dense(2)], 3)
        spec = StepSpec(MeanLoss(CrossEntropy()), Adam(), regularisers=regularisers)
        return str(write_step(network, spec).graph)

    assert text(Regularisers()) == text(Regularisers(l2=0.0))
    assert text(Regularisers(l1=0.1)) == text(Regularisers(l1=0.7))
    assert text(Regularisers(clip_norm=1.0)) == text(Regularisers(clip_norm=2.0))
    assert text(Regularisers(max_norm=1.0)) == text(Regularisers(max_norm=2.0))
    assert text(Regularisers(weight_noise=0.1)) == text(Regularisers(weight_noise=0.2))


@pytest.mark.filterwarnings("ignore")  # Whatever PyTorch says while it is imported.
def test_clipping_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see the steps by hand")
    gradients = [RNG.normal(size=(4, 3)) * 3, RNG.normal(size=5) * 3]
    network = Network([Dense(2)], 3, dtype="float64")
    for settings in ({"clip_value": 0.7}, {"clip_norm": 2.0}, {"clip_norm": 1e3}):
        given = [torch.zeros(s.shape, dtype=torch.float64, requires_grad=True) for s in gradients]
        for leaf, slope in zip(given, gradients, strict=True):
            leaf.grad = torch.tensor(slope)
        if "clip_value" in settings:
            torch.nn.utils.clip_grad_value_(given, 0.7)
        else:
            torch.nn.utils.clip_grad_norm_(given, settings["clip_norm"])
        made = Regularisers(**settings).penalised_and_clipped(
            [constant(s, "float64") for s in gradients], network
        )
        for got, leaf in zip(function((), made, backend="reference")(), given, strict=True):
            np.testing.assert_allclose(got, leaf.grad.numpy(), 1e-12)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_the_weights_into_every_neuron_stay_short(backend, ring):
    (x, y), _ = ring
    network = Network([Dense(40), Activation("relu"), Dense(2)], 2)
    fit(
        network, x, y, loss=CrossEntropy(), optimizer=Adam(0.05), epochs=5, max_norm=0.5,
        backend=backend,
    )  # fmt: skip
    longest = 0.0
    for name, array in network.weights().items():
        if name.endswith("weight"):
            longest = max(longest, np.sqrt((array**2).sum(axis=0)).max())
    assert 0.45 < longest <= 0.5 * (1 + 1e-5)


def test_tables_of_embeddings_are_not_held_short():
    codes = np.arange(30, dtype=np.int32).reshape(-1, 1) % 3
    network = Network([Embedding((3,)), Dense(2)], 0, [3])
    table = network.parameters[0]
    table.assign(np.full(table.shape, 5.0))
    settings = {"loss": CrossEntropy(), "epochs": 1, "max_norm": 0.1, "backend": "reference"}
    fit(network, codes, codes[:, 0] % 2, **settings)
    assert table.value.min() > 4.5
    assert np.sqrt((network.parameters[1].value ** 2).sum(axis=0)).max() < 0.1001


def test_clipping_saves_a_fit_with_too_large_a_rate(make_network, ring):
    (x, y), _ = ring
    x = x * 1e4
    settings = {"loss": MeanSquaredError(), "optimizer": SGD(1e-3), "epochs": 30}
    target = np.eye(2)[y] * 1e4
    lost = fit(make_network(), x, target, **settings)
    saved = fit(make_network(), x, target, clip_norm=1.0, **settings)
    assert saved.best_loss < saved.epochs[0].train_loss
    assert "no longer finite" not in saved.stopped
    assert lost.best_loss != saved.best_loss


def test_l1_puts_weights_to_zero_and_l2_does_not():
    # Ten inputs, of which the target needs one.
    x = RNG.normal(size=(200, 10)).astype(np.float32)
    y = x[:, :1] * 2

    def weights(**settings):
        network = Network([Dense(1)], 10)
        fit(network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.01), epochs=60, **settings)
        return np.abs(network.weights()["dense1.weight"][:, 0])

    with_l1, with_l2 = weights(l1=0.2), weights(l2=0.2)
    assert (with_l1[1:] < 0.01).all()
    assert with_l1[0] > 1.7
    assert with_l2[1:].max() > with_l1[1:].max()


@pytest.mark.parametrize(
    "settings",
    [
        {"l1": 0.1},
        {"clip_value": 1.0},
        {"clip_norm": 1.0},
        {"max_norm": 1.0},
        {"weight_noise": 0.1},
        {"mixup": 0.2},
        {"averaging": ExponentialAverage()},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_full_batch_method_refuses_what_it_would_pass_over(make_network, ring, settings):
    name = next(iter(settings))
    with pytest.raises(SettingError, match=f"fit.{name}: LBFGS knows no such setting.*Leave it"):
        fit(make_network(), *ring[0], loss=CrossEntropy(), optimizer=LBFGS(), **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"l1": -1}, "fit.l1: .*at least 0; given: -1"),
        ({"l1": "much"}, "fit.l1: .*given: 'much'"),
        ({"clip_value": 0}, "fit.clip_value: .*above 0, or None; given: 0"),
        ({"clip_norm": -1.0}, "fit.clip_norm: .*above 0, or None; given: -1.0"),
        ({"clip_norm": float("nan")}, "fit.clip_norm"),
        ({"max_norm": 0.0}, "fit.max_norm: .*above 0"),
        ({"max_norm": True}, "fit.max_norm"),
        ({"weight_noise": -0.1}, "fit.weight_noise: .*at least 0"),
        ({"weight_noise": None}, "fit.weight_noise: .*given: None"),
        ({"mixup": 0}, "fit.mixup: .*above 0, or None; given: 0"),
        ({"mixup": "yes"}, "fit.mixup"),
        ({"averaging": 0.9}, r"fit.averaging: .*ExponentialAverage\(\), Stochastic.*given: 0.9"),
        ({"averaging": Adam()}, "fit.averaging"),
    ],
)
def test_wrong_settings(make_network, ring, settings, message):
    with pytest.raises(SettingError, match=message):
        fit(make_network(), *ring[0], loss=CrossEntropy(), **settings)
