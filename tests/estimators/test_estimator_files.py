"""Estimators as files: what is read predicts the same bits, and all else is refused in words."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

from quickprop import AutoencoderTransformer, MLPClassifier, MLPRegressor, QuickpropError
from quickprop.errors import ModelFileError, SettingError
from quickprop.foundation import model_file
from quickprop.losses import Huber
from quickprop.optim import Adam, Cosine

X, Y = load_iris(return_X_y=True)
NUMBERS, TARGET = load_diabetes(return_X_y=True)
LOSS = Huber(2.0)
PAIR = np.c_[TARGET, -TARGET]
NAMES = np.array(["setosa", "versicolor", "virginica"])
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "kind": np.where(X[:, 2] > 2.0, "long", "short")})
SIZE = {"hidden_layer_sizes": 8}
FEW = {"max_iter": 4, "random_state": 0}

CASES = {
    "classes": lambda: MLPClassifier((8,), **FEW).fit(X, Y),
    "single": lambda: MLPClassifier((8,), **FEW).fit(X.astype(np.float32), Y),
    "names": lambda: MLPClassifier([8], solver="lbfgs", **FEW).fit(X, NAMES[Y]),
    "objects": lambda: MLPClassifier((8,), **FEW).fit(X, NAMES[Y].astype(object)),
    "two classes": lambda: MLPClassifier((8,), early_stopping=True, **FEW).fit(X, Y == 1),
    "labels": lambda: MLPClassifier((8,), **FEW).fit(X, np.c_[Y == 1, X[:, 0] > 5.8].astype(int)),
    "weights of classes": lambda: MLPClassifier(class_weight={0: 1, 1: 2.5, 2: 1}, **FEW).fit(X, Y),
    "frame": lambda: MLPClassifier((8,), scale=True, **FEW).fit(FRAME, Y),
    "ensemble": lambda: MLPClassifier((8,), n_ensemble=3, scale="auto", **FEW).fit(FRAME, Y),
    "optimizer": lambda: MLPClassifier(
        (8,), optimizer=Adam(learning_rate=0.01), schedule=Cosine(), n_iter_no_change=np.inf, **FEW
    ).fit(X, Y),
    "batch": lambda: MLPClassifier((8,), normalization="batch", dropout=0.1, **FEW).fit(X, Y),
    "numbers": lambda: MLPRegressor(**SIZE, **FEW).fit(NUMBERS, TARGET),
    "two numbers": lambda: MLPRegressor(**SIZE, **FEW).fit(NUMBERS, np.c_[TARGET, -TARGET]),
    "scaled": lambda: MLPRegressor(**SIZE, scale=True, loss=LOSS, **FEW).fit(NUMBERS, TARGET),
    "poisson": lambda: MLPRegressor(**SIZE, loss="poisson", **FEW).fit(NUMBERS, TARGET),
    "gaussian": lambda: MLPRegressor(**SIZE, loss="gaussian", **FEW).fit(NUMBERS, TARGET),
    "code": lambda: AutoencoderTransformer(3, (6,), **FEW).fit(NUMBERS),
    "plain code": lambda: AutoencoderTransformer(3, [], scale=False, **FEW).fit(NUMBERS),
}


def rows_of(model):
    if "feature_names_in_" in vars(model):
        return FRAME
    return X if model.n_features_in_ == 4 else NUMBERS


def outputs(model, rows=None):
    rows = rows_of(model) if rows is None else rows
    names = ("predict_proba", "predict", "transform", "score_samples")
    return [getattr(model, name)(rows) for name in names if hasattr(model, name)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_a_file_gives_the_same_estimator(name, tmp_path):
    model = CASES[name]()
    path = tmp_path / "model"
    model.save(path)
    again = type(model).load(path)
    for one, other in zip(outputs(model), outputs(again), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert repr(again.get_params()) == repr(model.get_params())
    learned = ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "out_activation_")
    for attribute in learned:
        assert vars(again).get(attribute) == vars(model).get(attribute)
    if "estimators_" not in vars(model) and model.solver != "lbfgs" and not model.early_stopping:
        # What the optimizer remembers is in the file too: both go on to the same weights.
        target = Y if name != "two classes" else Y == 1
        more = {
            "names": NAMES[Y], "objects": NAMES[Y].astype(object), "numbers": TARGET,
            "labels": np.c_[Y == 1, X[:, 0] > 5.8].astype(int), "scaled": TARGET,
            "two numbers": PAIR, "poisson": TARGET, "gaussian": TARGET,
        }  # fmt: skip
        if model.schedule is None:
            for one in (model, again):
                one.partial_fit(rows_of(one), more.get(name, target))
            np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0])
    again.save(tmp_path / "second")
    type(model).load(tmp_path / "second")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "change",
    [
        {"callbacks": print},
        {"validation": KFold(3)},
        {"random_state": np.random.RandomState(0)},
        {"loss": lambda output, target: ((output - target) ** 2).mean(axes=1)},
    ],
)
def test_code_of_users_is_refused_in_words(change, tmp_path):
    model = MLPRegressor(hidden_layer_sizes=(4,), **{**FEW, "max_iter": 2}).fit(NUMBERS, TARGET)
    model.set_params(**change)
    with pytest.raises(SettingError, match="pickle"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_no_such_file_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "model")
    MLPClassifier((4,), solver="lbfgs", random_state=0).fit(X, Y).save(tmp_path / "model")
    with pytest.raises(ModelFileError, match="MLPClassifier"):
        MLPRegressor.load(tmp_path / "model")
    with pytest.raises(ModelFileError):
        MLPClassifier.load(tmp_path / "none")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["classes", "frame", "ensemble", "scaled", "code"])
def test_an_altered_file_gives_an_error_of_ours_or_an_equal_estimator(name, tmp_path):
    """Bytes are altered, and fields with the seal made anew."""
    model = CASES[name]()
    path = tmp_path / "model"
    model.save(path)
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        altered = bytearray(whole)
        altered[int(random.integers(len(whole)))] ^= int(random.integers(1, 256))
        path.write_bytes(altered)
        try:
            again = type(model).load(path)
        except QuickpropError:
            continue
        np.testing.assert_array_equal(outputs(again)[0], outputs(model)[0])
    path.write_bytes(whole)
    document, weights = model_file.read_model_file(path)
    del document["format"], document["versions"]
    for place in places(document):
        for value in (None, -1, 10**400, 1.5, "x", [], {}, [[]], {"tuple": 3}, True):
            changed = json.loads(json.dumps(document))
            inner = changed
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
            model_file.write_model_file(path, changed, weights)
            try:
                again = type(model).load(path)
                outputs(again, rows_of(model))
            except QuickpropError:
                continue


def places(document, before=()):
    """Where something stands in a document, as keys from the outside in."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document[:2])
    for key, value in pairs:
        yield (*before, key)
        if isinstance(value, dict | list) and len(before) < 4:
            yield from places(value, (*before, key))
