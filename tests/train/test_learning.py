import numpy as np
import pytest

from quickprop.errors import DataError, DTypeError, QuickpropError, SettingError, ShapeError
from quickprop.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Embedding,
    Network,
)
from quickprop.optim import SGD, Adam, AdamW, Cosine
from quickprop.train import Callback, fit, usual_batch_size
from quickprop.train.objective import MeanLoss
from quickprop.train.regularisers import Regularisers
from quickprop.train.step import StepSpec, write_step

BACKENDS = ("reference", "native")
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_exclusive_or(backend):
    network = Network([Dense(8), Activation("tanh"), Dense(2)], 2, seed=1)
    fit(network, CORNERS, XOR, loss=CrossEntropy(), optimizer=Adam(0.05), backend=backend)
    assert network.predict(CORNERS, backend=backend).argmax(1).tolist() == XOR.tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_exclusive_or_with_one_output_and_a_last_sigmoid(backend):
    network = Network([Dense(8), Activation("tanh"), Dense(1), Activation("sigmoid")], 2, seed=1)
    fit(network, CORNERS, XOR, loss=BinaryCrossEntropy(), optimizer=Adam(0.05), backend=backend)
    assert (network.predict(CORNERS, backend=backend)[:, 0] > 0.5).tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_dense_layer_is_least_squares(backend):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 3))
    y = x @ rng.normal(size=(3, 2)) + rng.normal(size=(120, 2)) + 2
    exact, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(120)]), y, rcond=None)
    network = Network([Dense(2)], 3, dtype="float64")
    fit(
        network,
        x,
        y,
        loss=MeanSquaredError(),
        optimizer=SGD(0.1, momentum=0.8),
        batch_size=120,
        epochs=300,
        backend=backend,
    )
    got = np.vstack([network.weights()["dense1.weight"], network.weights()["dense1.bias"]])
    np.testing.assert_allclose(got, exact, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_ridge_regression_by_l2(backend):
    # loss + l2/2 w**2 with the mean of squares: w = (x'x + n l2/2)**-1 x'y without a bias.
    rng = np.random.default_rng(6)
    x = rng.normal(size=(50, 3))
    y = x @ np.array([1.0, -2.0, 3.0]) + rng.normal(size=50)
    l2 = 0.4
    exact = np.linalg.solve(x.T @ x + 50 * l2 / 2 * np.eye(3), x.T @ y)
    network = Network([Dense(1, bias=False)], 3, dtype="float64")
    history = fit(
        network,
        x,
        y,
        loss=MeanSquaredError(),
        optimizer=SGD(0.1, momentum=0.5),
        batch_size=50,
        epochs=300,
        l2=l2,
        # The reported loss has no penalty in it and may rise: keep the last weights.
        backend=backend,
        validation=None,
    )
    final = history.epochs[-1].train_loss
    assert final == pytest.approx(np.mean((x @ exact - y) ** 2), rel=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_embeddings_learn_a_table(backend):
    # The target is a number of its own for each of 6 levels: nothing but the table can know it.
    rng = np.random.default_rng(7)
    codes = rng.integers(0, 6, (300, 1)).astype(np.int32)
    values = np.array([3.0, -1.0, 0.5, 2.0, -2.0, 1.0])
    network = Network([Embedding((6,), widths=(4,)), Dense(1)], 0)
    fit(
        network,
        (codes,),
        values[codes[:, 0]],
        loss=MeanSquaredError(),
        optimizer=Adam(0.05),
        schedule=Cosine(),
        epochs=100,
        backend=backend,
    )
    got = network.predict(np.arange(6, dtype=np.int32)[:, None], backend=backend)
    np.testing.assert_allclose(got[:, 0], values, atol=0.02)


def test_row_weights_say_which_rows_count():
    # Two answers for the same input; the weights 3 and 1 make the mean 0.75.
    network = Network([Dense(1)], 1, dtype="float64")
    fit(
        network,
        np.ones((4, 1)),
        [1.0, 0.0, 1.0, 0.0],
        weights=[3, 1, 3, 1],
        loss=MeanSquaredError(),
        optimizer=SGD(0.2),
        batch_size=4,
        epochs=100,
        backend="reference",
    )
    assert network.predict([[1.0]], backend="reference")[0, 0] == pytest.approx(0.75, abs=1e-6)


def trained(make_network, ring, **settings):
    network = make_network(dropout=settings.pop("dropout", 0.2))
    (x, y), held_out = ring
    settings = {"epochs": 5, "seed": 3, "backend": "reference", **settings}
    history = fit(network, x, y, loss=CrossEntropy(), validation=held_out, **settings)
    return network.weights(), history


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_seed_same_bits(make_network, ring, backend):
    first, history = trained(make_network, ring, backend=backend)
    second, again = trained(make_network, ring, backend=backend)
    assert all((first[name] == second[name]).all() for name in first)
    assert [r.train_loss for r in history.epochs] == [r.train_loss for r in again.epochs]
    assert [r.validation_loss for r in history.epochs] == [r.validation_loss for r in again.epochs]
    other, _ = trained(make_network, ring, backend=backend, seed=4)
    assert any((first[name] != other[name]).any() for name in first)


@pytest.mark.parametrize("backend", BACKENDS)
def test_slices_of_any_length_give_the_same_bits(make_network, ring, backend, clock):
    # By this clock every slice takes a millisecond and more steps fit; the first run's clock says
    # that each takes a second, so that slices have one step.
    slow = type(clock)(tick=1.0)
    first, history = trained(make_network, ring, backend=backend, clock=slow, batch_size=8)
    second, again = trained(make_network, ring, backend=backend, clock=clock, batch_size=8)
    assert all((first[name] == second[name]).all() for name in first)
    assert [r.train_loss for r in history.epochs] == [r.train_loss for r in again.epochs]


def test_both_backends_take_the_same_path(make_network, ring):
    reference, history = trained(make_network, ring)
    native, again = trained(make_network, ring, backend="native")
    for name in reference:
        np.testing.assert_allclose(native[name], reference[name], 1e-4, 1e-5)
    np.testing.assert_allclose(
        [r.validation_loss for r in again.epochs],
        [r.validation_loss for r in history.epochs],
        1e-5,
    )


def test_dropout_is_in_the_training_loss_and_not_in_the_validation_loss(ring):
    # With a rate of zero the two losses of the same rows, measured with the same weights, agree.
    (x, y), _ = ring
    losses = {}
    for rate in (0.0, 0.5):
        network = Network([Dense(8), Activation("tanh"), Dropout(rate), Dense(2)], 2)
        history = fit(
            network,
            x,
            y,
            validation=(x, y),
            loss=CrossEntropy(),
            optimizer=SGD(1e-12),
            epochs=1,
            backend="reference",
        )
        losses[rate] = history.epochs[0]
    assert losses[0.0].train_loss == pytest.approx(losses[0.0].validation_loss, rel=1e-5)
    assert losses[0.5].validation_loss == pytest.approx(losses[0.0].validation_loss, rel=1e-5)
    assert abs(losses[0.5].train_loss - losses[0.5].validation_loss) > 0.01


def test_the_rate_of_each_epoch_is_told(make_network, ring):
    _, history = trained(make_network, ring, schedule=Cosine(), optimizer=Adam(0.1), epochs=4)
    # Half a wave in four parts: (1 + cos(k pi / 4)) / 2
    expected = [0.1, 0.05 * (1 + np.sqrt(0.5)), 0.05, 0.05 * (1 - np.sqrt(0.5))]
    np.testing.assert_allclose([r.learning_rate for r in history.epochs], expected, rtol=1e-6)


def test_usual_batch_sizes():
    assert [usual_batch_size(n) for n in (1, 1000, 4095, 4096, 20000, 10**6)] == [
        32,
        32,
        32,
        64,
        128,
        256,
    ]


GOOD = {"inputs": CORNERS, "target": XOR, "loss": CrossEntropy()}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"loss": "cros_entropy"}, SettingError, r"fit.loss: not a loss .*CrossEntropy\(\)"),
        ({"optimizer": "adamm"}, SettingError, r"fit.optimizer: not an optimizer .*Adam\(\)"),
        ({"schedule": "cosin"}, SettingError, r"fit.schedule: .*Cosine\(\)"),
        ({"callbacks": [print]}, SettingError, "not a callback"),
        ({"callbacks": Callback()}, SettingError, r"Put it into a list: \[callback\]"),
        ({"callbacks": None}, SettingError, "fit.callbacks: not a list"),
        ({"checkpoint": 5}, SettingError, "fit.checkpoint: not the path of a file"),
        ({"checkpoint": ""}, SettingError, "fit.checkpoint: not the path of a file"),
        ({"epochs": 0}, SettingError, "fit.epochs: .*at least 1 .*given: 0"),
        ({"batch_size": 2.5}, SettingError, "fit.batch_size"),
        ({"patience": 0}, SettingError, "fit.patience"),
        ({"budget": -1}, SettingError, "fit.budget: .*at least 0"),
        ({"budget": float("nan")}, SettingError, "fit.budget"),
        ({"until": "low"}, SettingError, "fit.until"),
        ({"l2": -0.1}, SettingError, "fit.l2"),
        ({"l2": 1e300}, SettingError, "The largest is 1e"),
        ({"seed": -1}, SettingError, "fit.seed"),
        ({"threads": 0}, SettingError, "fit.threads"),
        ({"backend": "cuda"}, SettingError, "fit.backend: unknown name"),
        ({"resume": True}, SettingError, "fit.resume: nothing to resume from"),
        ({"validation": CORNERS}, SettingError, "fit.validation: not a pair"),
        ({"validation": (CORNERS, XOR + 1)}, DataError, "validation target: a class code"),
        ({"validation": (CORNERS[:2], XOR)}, ShapeError, "validation.*differ in rows"),
        ({"validation": (CORNERS[:0], XOR[:0])}, ShapeError, "validation.*no rows"),
        ({"inputs": CORNERS[:3]}, ShapeError, "training.*differ in rows"),
        ({"inputs": CORNERS[:, :1]}, ShapeError, r"allowed: \[rows, 2\]; given: \[4, 1\]"),
        ({"inputs": (CORNERS, XOR)}, ShapeError, "wrong number of inputs"),
        ({"inputs": CORNERS * np.nan}, DataError, "training numeric: NaN or infinity.*row 0"),
        ({"inputs": CORNERS.astype(float) * 1e300}, DataError, "too large for float32"),
        ({"inputs": [[1.0, 2.0], [1.0]]}, ShapeError, "training"),
        ({"inputs": None}, QuickpropError, "training"),
        ({"target": None}, DataError, "does not hold numbers"),
        ({"target": [[1], [1, 2]]}, ShapeError, "not an array"),
        ({"target": ["no", "yes", "no", "no"]}, DataError, "does not hold.*Turn names of classes"),
        ({"target": XOR + 0.0}, DataError, "whole numbers"),
        ({"target": XOR * 2}, DataError, "allowed: 0 to 1; given: 0 to 2"),
        ({"loss": MeanSquaredError()}, ShapeError, "does not fit the outputs"),
        ({"weights": [1, 1, 1]}, ShapeError, "differ in rows"),
        ({"weights": [1, 1, -1, 1]}, DataError, "must not be negative"),
        ({"weights": [0, 0, 0, 0]}, DataError, "nor all zero"),
        ({"weights": [1, 1, np.nan, 1]}, DataError, "training weights: NaN .*row 2"),
        ({"weights": [[1], [1, 2], [1], [1]]}, ShapeError, "weights: not an array"),
        ({"weights": ["a"] * 4}, DTypeError, "weights: not numbers"),
        ({"weights": 1.0}, ShapeError, "weights"),
        ({"inputs": np.ma.masked_array(CORNERS, CORNERS > 0)}, DataError, "masked.*filled"),
        ({"inputs": CORNERS.astype(str)}, DTypeError, "does not hold numbers"),
        ({"inputs": CORNERS.astype(complex)}, DTypeError, "does not hold numbers"),
        ({"optimizer": 0}, SettingError, "not an optimizer"),
        ({"backend": ""}, SettingError, "fit.backend: unknown name"),
        ({"resume": ""}, SettingError, "fit.resume.*True or False"),
        ({"clock": 3}, SettingError, "fit.clock: not a function"),
        ({"l1": "0.1"}, SettingError, "fit.l1.*given: '0.1'"),
        ({"mixup": 0.0}, SettingError, "fit.mixup.*above 0"),
    ],
)
def test_what_does_not_fit_is_said_before_training(change, error, message):
    network = Network([Dense(2)], 2)
    before = network.weights()
    settings = {**GOOD, "backend": "reference", **change}
    with pytest.raises(error, match=message):
        fit(network, settings.pop("inputs"), settings.pop("target"), **settings)
    assert all((network.weights()[name] == w).all() for name, w in before.items())


@pytest.mark.parametrize("wrong", [3, -1, 2**32 + 1])
def test_category_codes_are_checked(wrong):
    network = Network([Dense(1)], 1, (3,))
    with pytest.raises(DataError, match=r"column 0: a category code outside .*0 to 2; given: "):
        fit(network, (np.ones((2, 1)), [[wrong], [1]]), [1.0, 2.0], loss=MeanSquaredError())


@pytest.mark.parametrize("backend", BACKENDS)
def test_training_goes_on_where_it_ended(ring, make_network, backend):
    # Two fits of the same network, with predictions compiled before, between and after.
    (x, y), _ = ring
    network = make_network()
    losses = []
    for _ in range(3):
        f = network.predict(x, backend=backend).astype(float)
        losses.append(np.mean(np.log(np.exp(f).sum(axis=1)) - f[np.arange(len(y)), y]))
        fit(network, x, y, loss=CrossEntropy(), optimizer=Adam(0.02), epochs=5, backend=backend)
        np.testing.assert_allclose(
            network.predict(x, backend="native"),
            network.predict(x, backend="reference"),
            1e-4,
            1e-5,
        )
    assert losses[0] > losses[1] > losses[2]


def test_other_settings_run_the_same_compiled_code():
    def text(optimizer, rate, l2, seed, epochs):
        layers = [Dense(4), Activation("relu"), Dropout(rate), Dense(2)]
        network = Network(layers, 3, seed=seed)
        spec = StepSpec(MeanLoss(CrossEntropy()), optimizer, epochs, Regularisers(l2=l2))
        step = write_step(network, spec)
        return str(step.graph)

    first = text(AdamW(), 0.1, 1e-3, 0, Cosine())
    other = text(AdamW(0.3, 0.5, 0.6, 1e-4, 0.5), 0.4, 1e-2, 7, Cosine(0.5))
    assert first == other


def test_more_steps_than_can_be_counted():
    network = Network([Dropout(0.5), Dense(2)], 2)
    with pytest.raises(SettingError, match=r"more steps than can be counted .*at most 1073741823"):
        fit(network, CORNERS, XOR, loss=CrossEntropy(), batch_size=2, epochs=2**31 - 1)
