"""Learning without labels: against principal components, anomalies, files and wrong use."""

import copy
import pickle

import numpy as np
import pytest

from quickprop.errors import DataError, ModelFileError, SettingError, ShapeError
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.models.autoencoder import Autoencoder
from quickprop.optim import LBFGS, Adam


def plane(rows=300, seed=0, noise=0.05):
    """Ten columns that are mixtures of two numbers, of very different sizes and places."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(2, 10))
    x = rng.normal(size=(rows, 2)) @ mixing + noise * rng.normal(size=(rows, 10))
    return x * np.logspace(-3, 3, 10) + np.arange(10) * 100.0


def circle(rows=400, seed=0):
    """Points of a circle in three columns: bent, so that no line holds them."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, rows)
    x = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle)], 1)
    return x + 0.01 * rng.normal(size=x.shape)


def principal(x, width):
    """The error that as many principal components leave, and their projection."""
    scaled = (x - x.mean(0)) / x.std(0)
    _, values, axes = np.linalg.svd(scaled, full_matrices=False)
    return np.sum(values[width:] ** 2) / scaled.size, axes[:width].T @ axes[:width]


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_linear_one_finds_the_principal_components(width):
    x = plane()
    learned = Autoencoder(width, dtype="float64").fit(x, optimizer=LBFGS(), epochs=500)
    expected, projection = principal(x, width)
    error = learned.reconstruction_error(x).mean()
    assert error == pytest.approx(expected, rel=1e-3)
    assert error >= expected * (1 - 1e-9)  # Nothing of that width is better.
    # The subspace itself: the product of the two matrices projects onto it.
    weights = learned.network.weights()
    found = weights["dense1.weight"] @ weights["dense2.weight"]
    assert np.abs(found - projection).max() < (0.02 if width < 4 else 0.2)


def test_steps_of_adam_get_there_too():
    x = plane()
    learned = Autoencoder(2).fit(x, optimizer=Adam(0.01), epochs=200, batch_size=50)
    expected, _ = principal(x, 2)
    assert learned.reconstruction_error(x).mean() == pytest.approx(expected, rel=0.3)


def test_a_bent_one_follows_what_no_line_can():
    x = circle()
    straight, _ = principal(x, 1)
    bent = Autoencoder(12, 1, seed=1).fit(x, optimizer=Adam(0.01), epochs=150, batch_size=32)
    assert straight > 0.3
    assert bent.reconstruction_error(x).mean() < 0.2 * straight
    assert [layer.output_shape for layer in bent.network.layers] == [
        (12,), (12,), (1,), (12,), (12,), (3,),
    ]  # fmt: skip


def test_strangers_score_higher():
    x, others = plane(), plane(100, seed=1)
    strangers = others.copy()
    # Every number is a usual one, but of another row: what ties the columns is broken.
    rng = np.random.default_rng(2)
    for column in strangers.T:
        rng.shuffle(column)
    learned = Autoencoder(2).fit(x, optimizer=Adam(0.01), epochs=100, batch_size=50)
    usual, strange = map(learned.reconstruction_error, (others, strangers))
    assert usual.shape == strange.shape == (100,)
    # The chance that a stranger scores higher than a usual row.
    assert (strange[:, None] > usual[None, :]).mean() > 0.99
    far = x[:1] + 50.0 * x.std(0)
    assert learned.reconstruction_error(far)[0] > usual.max()


def test_encode_and_decode_are_the_two_halves():
    x = circle()
    learned = Autoencoder(6, 2, noise=0.05).fit(x, epochs=3)
    codes = learned.encode(x)
    assert codes.shape == (400, 2)
    together = learned.decode(codes)
    np.testing.assert_allclose(together, learned.reconstruct(x), 1e-4, 1e-5)
    scaled = (learned.reconstruct(x) - x) / x.std(0)
    np.testing.assert_allclose(learned.reconstruction_error(x), (scaled**2).mean(1), 1e-4)
    # Noise is for training alone: twice the same.
    assert (learned.encode(x) == codes).all()


def test_a_constant_column_and_one_row():
    x = plane()
    x[:, 3] = 7.0
    learned = Autoencoder(2).fit(x, epochs=20, batch_size=50)
    assert np.isfinite(learned.reconstruction_error(x)).all()
    assert learned.reconstruct(x)[:, 3] == pytest.approx(np.full(300, 7.0), abs=1.5)
    assert np.isfinite(Autoencoder(2).fit(x[:1], epochs=2).reconstruction_error(x[:1])).all()


def test_without_scaling_large_columns_count_most():
    x = np.random.default_rng(0).normal(size=(200, 2)) * [1.0, 10.0]
    learned = Autoencoder(1, scaled=False, dtype="float64").fit(x, optimizer=LBFGS(), epochs=100)
    # The code keeps the second column; what is lost is the variance of the first, over 2 columns.
    error = learned.reconstruction_error(x).mean()
    assert error == pytest.approx(np.var(x[:, 0]) / 2, rel=0.05)


def test_rows_held_out_stop_a_fit():
    learned = Autoencoder(3).fit(
        plane(60), validation=plane(60, seed=1), epochs=500, patience=3, optimizer=Adam(0.03)
    )
    assert len(learned.history.epochs) < 500
    assert learned.history.best.validation_loss is not None


def test_the_same_seed_gives_the_same():
    x = plane()
    one, other, third = (
        Autoencoder(4, 2, noise=0.1, seed=seed).fit(x, epochs=3).encode(x) for seed in (1, 1, 2)
    )
    assert (one == other).all()
    assert (one != third).any()


# -- as data --------------------------------------------------------------------------------------


def test_saved_and_loaded_computes_the_same(tmp_path):
    x = plane()
    learned = Autoencoder(4, 2, activation="relu", noise=0.1).fit(x, epochs=3)
    learned.save(tmp_path / "model")
    for again in (
        Autoencoder.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(learned)),
        copy.deepcopy(learned),
    ):
        assert (again.encode(x) == learned.encode(x)).all()
        assert (again.reconstruction_error(x) == learned.reconstruction_error(x)).all()
        assert repr(again) == repr(learned)
        assert again.history.to_document() == learned.history.to_document()


def scale_of(value):
    def change(document, arrays):
        arrays["columns.scale"] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d, a: d.pop("kind"), r"not an autoencoder.*quickprop.load"),
        (lambda d, a: d.update(kind="table"), "not an autoencoder"),
        (lambda d, a: d.pop("settings"), "a field is missing"),
        (lambda d, a: d.update(settings=5), "a field is missing or not of its kind"),
        (lambda d, a: d["settings"].update(hidden=[0]), "Autoencoder.hidden|setting outside"),
        (lambda d, a: d["settings"].update(hidden=5), "not of its kind"),
        (lambda d, a: d["settings"].update(more=5), "not of its kind"),
        (lambda d, a: d["settings"].update(activation="step"), "setting outside"),
        (lambda d, a: d["settings"].update(dtype="float16"), "dtype|float16"),
        (lambda d, a: d.update(columns=0), "columns: |setting outside"),
        (lambda d, a: d.update(columns=11), "not a number for each column"),
        (lambda d, a: d.update(history=None), "history|History"),
        (lambda d, a: a.pop("columns.scale"), "a field is missing"),
        (lambda d, a: a.pop("dense1.weight"), "a parameter is missing"),
        (lambda d, a: a.update(more=np.zeros(3)), "no such parameter"),
        (scale_of(np.zeros(10)), "deviations that are not above 0"),
        (scale_of(np.ones(9)), "not a number for each column"),
        (scale_of(np.ones(10, "int32")), "not a number for each column"),
    ],
)
def test_files_that_are_wrong(tmp_path, change, message):
    path = tmp_path / "model"
    Autoencoder(2).fit(plane(20), epochs=1).save(path)
    document, arrays = read_model_file(path)
    change(document, arrays)
    write_model_file(path, document, arrays)
    with pytest.raises(ModelFileError, match=message):
        Autoencoder.load(path)


def test_no_file():
    with pytest.raises(ModelFileError, match="no such file"):
        Autoencoder.load("/nowhere/model")


# -- wrong use ------------------------------------------------------------------------------------

ROWS = np.ones((4, 3))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: Autoencoder(), SettingError, "Autoencoder.hidden: .*a list of 1 or more"),
        (lambda: Autoencoder(0), SettingError, "Autoencoder.hidden"),
        (lambda: Autoencoder((3, 2)), SettingError, "Autoencoder.hidden"),
        (lambda: Autoencoder(3, activation="rely"), SettingError, "Did you mean 'relu'"),
        (lambda: Autoencoder(3, activation="step"), SettingError, "Autoencoder.activation"),
        (lambda: Autoencoder(3, noise=-1.0), SettingError, "Autoencoder.noise"),
        (lambda: Autoencoder(3, scaled=1), SettingError, "Autoencoder.scaled: .*True or False"),
        (lambda: Autoencoder(3, seed=-1), SettingError, "Autoencoder.seed"),
        (lambda: Autoencoder(3, dtype="float16"), SettingError, "float16"),
        (lambda: Autoencoder(3, dtype="int32").fit(ROWS), SettingError, "floating-point"),
        (lambda: Autoencoder(3).encode(ROWS), SettingError, r"learned nothing yet.*Call fit\(rows"),
        (lambda: Autoencoder(3).decode(ROWS), SettingError, "learned nothing yet"),
        (lambda: Autoencoder(3).save("x"), SettingError, "learned nothing yet"),
        (lambda: Autoencoder(3).history, SettingError, "learned nothing yet"),
        (lambda: Autoencoder(3).fit(ROWS[0]), ShapeError, r"\[rows, columns\]; given: \[3\]"),
        (lambda: Autoencoder(3).fit([[1, 2], [3]]), ShapeError, "not a matrix"),
        (lambda: Autoencoder(3).fit(np.ones((4, 0))), ShapeError, "not a matrix"),
        (lambda: Autoencoder(3).fit(np.ones((0, 4))), DataError, "no rows to learn from"),
        (lambda: Autoencoder(3).fit([["a", "b"]]), DataError, "do not hold numbers"),
        (lambda: Autoencoder(3).fit(ROWS * np.nan), DataError, "NaN or infinity .*row 0"),
        (lambda: Autoencoder(3).fit([[1e308], [-1e308]]), DataError, "too large to be scaled"),
        (lambda: Autoencoder(3).fit(ROWS, loss=None), SettingError, "fit.loss: not a setting"),
        (lambda: Autoencoder(3).fit(ROWS, epochs=0), SettingError, "fit.epochs"),
        (lambda: Autoencoder(3).fit(ROWS, validation=ROWS[:, :2]), ShapeError, r"\[rows, 3\]"),
        (lambda: Autoencoder(2).fit(ROWS, epochs=1).encode(ROWS[:, :2]), ShapeError,
         r"Autoencoder.encode: .*\[rows, 3\]; given: \[4, 2\]"),
        (lambda: Autoencoder(2).fit(ROWS, epochs=1).decode(ROWS), ShapeError,
         r"Autoencoder.decode: .*\[rows, 2\]; given: \[4, 3\]"),
    ],
)  # fmt: skip
def test_wrong_use(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
