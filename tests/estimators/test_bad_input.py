"""Wrong use, row by row: what is given and what the error says."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GroupShuffleSplit, KFold

import quickprop
from quickprop.estimators import AutoencoderTransformer, MLPClassifier, MLPRegressor
from quickprop.losses import CrossEntropy, MeanSquaredError, Quantile

X = np.random.default_rng(0).normal(size=(30, 3))
Y = np.arange(30) % 3
HOLES = np.where(X > 1.0, np.nan, X)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def classifier(**settings):
    return MLPClassifier(**{"hidden_layer_sizes": 3, "max_iter": 3} | settings)


def regressor(**settings):
    return MLPRegressor(**{"hidden_layer_sizes": 3, "max_iter": 3} | settings)


def fitted(**settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier(**settings).fit(X, Y)


def by_name(**settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier(**settings).fit(FRAME, Y)


#: What is done, a part of what is said.
ROWS = {
    "NaN without scaling": (lambda: classifier().fit(HOLES, Y), "Input X contains NaN"),
    "NaN in a prediction": (lambda: fitted().predict(HOLES), "Input X contains NaN"),
    "infinity": (lambda: fitted().predict(np.full((2, 3), np.inf)), "Input X contains"),
    "infinity with scaling": (
        lambda: fitted(scale="auto").predict(np.full((1, 3), np.inf)),
        "contains infinity",
    ),
    "NaN in the target": (lambda: regressor().fit(X, np.r_[np.nan, Y[1:]]), "Input y contains NaN"),
    "strings": (lambda: classifier().fit([["a", "b"], ["c", "d"]], [0, 1]), "could not convert"),
    "numbers of features": (lambda: fitted().predict(X[:, :2]), "X has 2 features, but MLPClass"),
    "names that are alike": (
        lambda: classifier(scale="auto").fit(FRAME.set_axis(["a", "b", "a"], axis=1), Y),
        "X: two columns are called 'a' .allowed: each name once; given: columns 1 and 3",
    ),
    "names that are alike, of pyarrow": (
        lambda: classifier(scale="auto").fit(pa.table([*X.T], names=["a", "b", "a"]), Y),
        "X: two columns are called 'a'.*Give each column a name of its own",
    ),
    "names that are alike in a prediction": (
        lambda: by_name(scale="auto").predict(FRAME.set_axis(["a", "b", "a"], axis=1)),
        "X: two columns are called 'a'",
    ),
    "names out of order": (
        lambda: by_name().predict(FRAME[["b", "a", "c"]]),
        "Feature names must be in the same order",
    ),
    "another name": (
        lambda: by_name().predict(FRAME.rename(columns={"a": "z"})),
        "Feature names unseen at fit time:\n- z",
    ),
    "a missing column": (lambda: by_name().predict(FRAME[["a", "b"]]), "yet now missing:\n- c"),
    "one axis": (lambda: classifier().fit(X[:, 0], Y), "Expected 2D array, got 1D array"),
    "other rows in y": (lambda: classifier().fit(X, Y[:-1]), "inconsistent numbers of samples"),
    "no y": (lambda: classifier().fit(X, None), "requires y to be passed"),
    "numbers as classes": (lambda: classifier().fit(X, X[:, 0]), "Unknown label type"),
    "negative counts": (
        lambda: regressor(loss="poisson").fit(X, -1.0 - Y),
        "a negative number has no Poisson deviance .*Use loss='squared_error'",
    ),
    "negative weights": (lambda: classifier().fit(X, Y, -np.ones(30)), "Negative values in data"),
    "no weight": (
        lambda: classifier().fit(X, Y, np.zeros(30)),
        "Sample weights must contain at least one non-zero number",
    ),
    "weights of other rows": (lambda: classifier().fit(X, Y, np.ones(3)), "sample_weight.shape =="),
    "classes of another fit": (
        lambda: fitted().partial_fit(X, Y + 1),
        r"`y` has classes not in `self.classes_`",
    ),
    "no classes at first": (
        lambda: classifier().partial_fit(X, Y),
        "classes must be passed on the first call to partial_fit",
    ),
    "unfitted": (lambda: classifier().predict(X), "instance is not fitted yet"),
    "unfitted probabilities": (lambda: classifier().predict_proba(X), "not fitted yet"),
    "unfitted quantiles": (lambda: regressor().predict(X, quantiles=0.5), "not fitted yet"),
    "unfitted network": (lambda: classifier().network_, "not fitted yet"),
    "unfitted distribution": (lambda: regressor(loss="gaussian").predict_dist(X), "not fitted"),
    "unfitted transformer": (lambda: AutoencoderTransformer().inverse_transform(X), "not fitted"),
    "X_val with other columns": (
        lambda: classifier().fit(X, Y, X_val=X[:, :2], y_val=Y),
        "X has 2 features, but MLPClassifier is expecting 3",
    ),
    "X_val with other names": (
        lambda: classifier().fit(FRAME, Y, X_val=FRAME[["c", "a", "b"]], y_val=Y),
        "Feature names must be in the same order",
    ),
    "y_val with another class": (
        lambda: classifier().fit(X, Y, X_val=X, y_val=Y + 5),
        "`y` has classes not in",
    ),
    "y_val with other columns": (
        lambda: regressor().fit(X, Y, X_val=X, y_val=np.c_[Y, Y]),
        r"y_val: another number of target columns .*allowed: 1; given: 2",
    ),
    "X_val alone": (lambda: classifier().fit(X, Y, X_val=X), "X_val and y_val belong together"),
    "two validation parts": (
        lambda: classifier(early_stopping=True).fit(X, Y, X_val=X, y_val=Y),
        "two validation parts .*early_stopping=True and X_val",
    ),
    "no groups": (
        lambda: classifier(validation=GroupShuffleSplit(1)).fit(X, Y),
        r"Give the groups of the rows to fit\(\.\.\., groups=\.\.\.\)",
    ),
    "partial_fit with a splitter": (
        lambda: classifier(validation=KFold(2)).partial_fit(X, Y, classes=[0, 1, 2]),
        "partial_fit does not support validation",
    ),
    "no such loss": (lambda: regressor(loss="huberr").fit(X, Y), "'loss' parameter of MLPRegr"),
    "a loss of classes": (
        lambda: regressor(loss=CrossEntropy()).fit(X, Y),
        "MLPRegressor.loss: not a loss of numbers .*Use MLPClassifier for classes",
    ),
    "a loss of numbers": (
        lambda: classifier(loss=MeanSquaredError()).fit(X, Y),
        "MLPClassifier.loss: not a loss that gives probabilities of classes",
    ),
    "softmax for labels": (
        lambda: classifier(loss=CrossEntropy()).fit(X, np.c_[Y > 0, Y > 1].astype(int)),
        "not a loss that gives probabilities of one or more labels",
    ),
    "a loss that gives no rows": (
        lambda: regressor(loss=lambda output, target: quickprop.mean(output - target)).fit(X, Y),
        "the function must give the loss of each row .*Leave out the mean over rows",
    ),
    "quantiles of another loss": (
        lambda: regressor().fit(X, Y).predict(X, quantiles=[0.1]),
        "the loss has no such quantile .*allowed: none; given: 0.1",
    ),
    "an unknown quantile": (
        lambda: regressor(loss=Quantile((0.2, 0.8))).fit(X, Y).predict(X, quantiles=[0.5]),
        "allowed: 0.2, 0.8; given: 0.5",
    ),
    "distributions of another loss": (
        lambda: regressor().predict_dist(X),
        "has no attribute 'predict_dist'",
    ),
    "a wrong activation": (
        lambda: classifier(activation=["gleu"]).fit(X, Y),
        "activation: no such activation .*Did you mean 'gelu'",
    ),
    "too many activations": (
        lambda: classifier(activation=["relu", "tanh"]).fit(X, Y),
        r"not one for each hidden layer of hidden_layer_sizes \(1\)",
    ),
    "dropout of all": (lambda: classifier(dropout=1.0).fit(X, Y), "'dropout' parameter of MLPCl"),
    "dropout with lbfgs": (
        lambda: classifier(dropout=0.5, solver="lbfgs").fit(X, Y),
        "dropout: needs mini-batches .*Use solver='adam' or 'sgd'",
    ),
    "X_val with lbfgs": (
        lambda: classifier(solver="lbfgs").fit(X, Y, X_val=X, y_val=Y),
        "X_val: needs mini-batches",
    ),
    "no such optimizer": (lambda: classifier(optimizer="adm").fit(X, Y), "'optimizer' parameter"),
    "balanced bit by bit": (
        lambda: classifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2]),
        "class_weight: the classes of all rows are not known yet",
    ),
    "not a callback": (
        lambda: classifier(callbacks=[3]).fit(X, Y),
        "callbacks: not a callback .*given: 3",
    ),
    "an ensemble bit by bit": (
        lambda: classifier(n_ensemble=2).partial_fit(X, Y),
        "has no attribute 'partial_fit'",
    ),
    "an ensemble that goes on": (
        lambda: classifier(n_ensemble=2, warm_start=True).fit(X, Y),
        "an ensemble cannot go on from an earlier fit",
    ),
    "sparse rows to be scaled": (
        lambda: classifier(scale="auto").fit(scipy.sparse.csr_array(X), Y),
        "Sparse data was passed",
    ),
    "text where a number was": (
        lambda: fitted(scale="auto").predict(np.full((1, 3), "x", object)),
        "x1",
    ),
    "layers of width 0": (lambda: classifier(hidden_layer_sizes=(3, 0)).fit(X, Y), "must be > 0"),
    "a layer too wide": (
        lambda: classifier(hidden_layer_sizes=2**21).fit(X, Y),
        "width: a setting outside what is allowed",
    ),
    "an ensemble of codes": (
        lambda: AutoencoderTransformer(1, n_ensemble=2).fit(X),
        "n_ensemble: the narrow layers of several networks have no mean",
    ),
    "one label where there were several": (
        lambda: classifier().fit(X, np.c_[Y == 0, Y == 1, Y > 0], X_val=X, y_val=Y),
        "another kind of labels than those of the first fit",
    ),
    "several labels where there was one": (
        lambda: classifier().fit(X, Y, X_val=X, y_val=np.c_[Y == 0, Y == 1].astype(int)),
        "another kind of labels than those of the first fit",
    ),
    "several labels after one": (
        lambda: fitted().partial_fit(X, np.c_[Y == 0, Y == 1].astype(int)),
        "another kind of labels than those of the first fit",
    ),
    "half a neuron": (
        lambda: classifier(hidden_layer_sizes=(2.5,)).fit(X, Y),
        "hidden_layer_sizes: a width that is not a whole number",
    ),
    "a layer without a width": (
        lambda: classifier(hidden_layer_sizes=(3, None)).fit(X, Y),
        "hidden_layer_sizes: a width that is not a whole number",
    ),
    "negative weights of classes": (
        lambda: classifier(class_weight={0: -1.0}).fit(X, Y),
        "class_weight: weights that no class can have",
    ),
    "weights of classes that are not numbers": (
        lambda: classifier(class_weight={0: np.nan}).fit(X, Y),
        "class_weight: weights that no class can have",
    ),
    "no class counts": (
        lambda: classifier(class_weight=dict.fromkeys(range(3), 0.0)).fit(X, Y),
        "class_weight: weights that no class can have",
    ),
    "validation weights alone": (
        lambda: classifier().fit(X, Y, sample_weight_val=np.ones(30)),
        "sample_weight_val: weights of rows that are not given",
    ),
    "groups that nothing keeps together": (
        lambda: classifier(early_stopping=True).fit(X, Y, groups=Y),
        "groups: nothing that keeps groups together",
    ),
    "a schedule without an end": (
        lambda: classifier(schedule="cosine").partial_fit(X, Y, classes=[0, 1, 2]),
        "schedule: a schedule of the whole fit",
    ),
    "no quantiles": (
        lambda: regressor(loss="gaussian").fit(X, Y).predict(X, quantiles=[]),
        "quantiles: not levels of quantiles",
    ),
    "a quantile by name": (
        lambda: regressor(loss="gaussian").fit(X, Y).predict(X, quantiles="median"),
        "quantiles: not levels of quantiles",
    ),
    "a quantile of all": (
        lambda: regressor(loss="gaussian").fit(X, Y).predict(X, quantiles=[0.5, 1.0]),
        "quantiles: not levels of quantiles",
    ),
    "a distribution of another loss": (
        lambda: regressor().fit(X, Y).set_params(loss="gaussian").predict_dist(X),
        "predict_dist: the loss was another one when the network was trained",
    ),
    "early stopping of few": (
        lambda: regressor(early_stopping=True).fit(X[:3], Y[:3]),
        "The validation set is too small",
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ROWS)
def test_wrong_use(name):
    call, said = ROWS[name]
    with pytest.raises((ValueError, TypeError, NotFittedError, AttributeError), match=said):
        call()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_class_is_always_said():
    model = classifier().fit(X, np.full(30, "only"))
    assert set(model.predict(X)) == {"only"}
    assert model.predict_proba(X).shape == (30, 1)
    np.testing.assert_array_equal(model.predict_proba(X), 1.0)


@pytest.mark.parametrize("watched", [False, True])
def test_a_diverging_loss_says_so_and_gives_the_best_weights(watched):
    rows, target = X * 10.0, X[:, 0] * 100.0
    model = MLPRegressor(
        activation="identity", solver="sgd", learning_rate_init=0.02, momentum=0.0,
        hidden_layer_sizes=5, random_state=0, early_stopping=watched, batch_size=20, tol=0.0,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match=r"no longer finite in epoch \d+; the weights are"):
        model.fit(rows, target)
    assert not np.isfinite(model.loss_curve_[-1])
    assert np.isfinite(model.predict(rows)).all()
    if watched:
        assert model.validation_scores_[-1] is np.nan or np.isnan(model.validation_scores_[-1])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


def test_diverging_at_once_is_an_error():
    told = r"Solver produced non-finite parameter weights.* not finite in epoch 1\.$"
    with pytest.raises(ValueError, match=told):
        MLPRegressor(solver="sgd", learning_rate_init=1e6, batch_size=2).fit(X * 1e6, Y * 1e6)


def test_weights_that_the_last_epoch_spoilt_are_an_error():
    told = r"Solver produced non-finite parameter weights.* not finite after epoch 1\.$"
    with pytest.raises(ValueError, match=told), pytest.warns(ConvergenceWarning):
        MLPRegressor(solver="sgd", learning_rate_init=1e308, max_iter=1).fit(X * 1e3, Y * 1e3)
