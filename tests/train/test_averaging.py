import numpy as np
import pytest

from quickprop.errors import SettingError
from quickprop.execution import Minibatches
from quickprop.foundation.settings import from_document
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.nn import Activation, Dense, Network
from quickprop.optim import SGD, Adam
from quickprop.train import AVERAGING, ExponentialAverage, StochasticWeightAverage, fit
from quickprop.train.evaluation import Evaluation
from quickprop.train.objective import MeanLoss
from quickprop.train.step import StepSpec, write_step

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))


def walked(averaging, count, backend, dtype, total=None):
    """The weights and their averages after each step."""
    network = Network([Dense(5), Activation("tanh"), Dense(2)], 3, dtype=dtype)
    spec = StepSpec(MeanLoss(MeanSquaredError()), SGD(0.5), averaging=averaging)
    step = write_step(network, spec)
    step.total_steps.assign(total or count)
    data = {network.inputs[0]: X.astype(dtype), step.target: Y.astype(dtype)}
    batches = Minibatches(step.graph, data, len(X), backend=backend)
    path = []
    for _ in range(count):
        batches.run(0, 1, step.scalars(learning_rate=0.5))
        path.append([(held.value, mean.value) for held, mean in step.averages.items()])
    assert len(path[0]) == 4
    return path


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_exponential_average_by_hand(dtype, backend):
    decay, tolerance = 0.7, 1e-12 if dtype == "float64" else 1e-5
    path = walked(ExponentialAverage(decay), 6, backend, dtype)
    for k in range(4):
        weights = [step[k][0].astype(np.float64) for step in path]
        for t in range(1, 7):
            # The weighted mean of the first t: the last counts 1, those before 0.7, 0.49, ...
            shares = np.array([decay ** (t - 1 - i) for i in range(t)])
            expected = np.tensordot(shares / shares.sum(), weights[:t], 1)
            np.testing.assert_allclose(path[t - 1][k][1], expected, tolerance, tolerance)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_stochastic_weight_average_by_hand(dtype, backend):
    # Of 8 planned steps the first half is left out: steps 5, 6, ... count alike.
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    path = walked(StochasticWeightAverage(0.5), 8, backend, dtype)
    for k in range(4):
        weights = [step[k][0].astype(np.float64) for step in path]
        for t in range(8):
            expected = weights[t] if t < 4 else np.mean(weights[4 : t + 1], axis=0)
            np.testing.assert_allclose(path[t][k][1], expected, tolerance, tolerance)


@pytest.mark.filterwarnings("ignore")  # Whatever PyTorch says while it is imported.
def test_the_plain_mean_is_that_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; see the mean by hand")
    path = walked(StochasticWeightAverage(0.0), 6, "reference", "float64")
    model = torch.nn.Linear(3, 5, dtype=torch.float64)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    for step in path:
        with torch.no_grad():
            model.weight.copy_(torch.tensor(step[0][0].T))
        averaged.update_parameters(model)
        np.testing.assert_allclose(step[0][1], averaged.module.weight.detach().numpy().T, 1e-12)


@pytest.mark.parametrize("backend", ["reference", "native"])
@pytest.mark.parametrize("averaging", [ExponentialAverage(0.9), StochasticWeightAverage(0.2)])
def test_averages_are_judged_and_kept_and_training_goes_on_without_them(
    make_network, ring, averaging, backend
):
    (x, y), held_out = ring
    settings = {
        "loss": CrossEntropy(),
        "optimizer": Adam(0.05),
        "epochs": 8,
        "patience": None,
        "validation": held_out,
        "backend": backend,
    }
    plain, averaged = make_network(), make_network()
    without = fit(plain, x, y, **settings)
    history = fit(averaged, x, y, averaging=averaging, **settings)
    # The steps are the same, what is looked at is not.
    np.testing.assert_allclose(
        [r.train_loss for r in history.epochs], [r.train_loss for r in without.epochs], 1e-5
    )
    assert history.epochs[-1].validation_loss != without.epochs[-1].validation_loss
    now = Evaluation(averaged, CrossEntropy(), held_out, backend=backend)()
    assert now == pytest.approx(history.best_loss, rel=1e-6)


def test_averages_of_noisy_steps_are_nearer_to_the_best():
    # Noise in the target and a large rate: the last weights wander about the least squares.
    x = RNG.normal(size=(400, 4))
    y = x @ [1.0, -2.0, 0.5, 3.0] + RNG.normal(size=400) * 2
    best = np.linalg.lstsq(np.c_[x, np.ones(400)], y, rcond=None)[0]

    def distance(**settings):
        network = Network([Dense(1)], 4, dtype="float64")
        fit(
            network, x, y, loss=MeanSquaredError(), optimizer=SGD(0.1), batch_size=4, epochs=10,
            validation=(x, y), **settings,
        )  # fmt: skip
        w, b = network.weights().values()
        return np.linalg.norm(np.r_[w[:, 0], b] - best)

    assert distance(averaging=ExponentialAverage(0.99)) < 0.5 * distance()


@pytest.mark.parametrize("kind", AVERAGING)
def test_averaging_survives_its_document(kind):
    made = AVERAGING[kind](0.5)
    assert from_document(made.to_document(), AVERAGING, "averaging") == made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExponentialAverage(1.0), "ExponentialAverage.decay: .*below 1; given: 1.0"),
        (lambda: ExponentialAverage(-0.1), "ExponentialAverage.decay: .*at least 0"),
        (lambda: StochasticWeightAverage(1), "StochasticWeightAverage.start: .*below 1"),
        (lambda: StochasticWeightAverage("late"), "StochasticWeightAverage.start"),
    ],
)
def test_settings_outside_what_is_allowed(make, message):
    with pytest.raises(SettingError, match=message):
        make()
