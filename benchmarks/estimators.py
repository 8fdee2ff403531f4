"""quickprop's MLPClassifier and MLPRegressor beside scikit-learn's, with the same parameters.

    python benchmarks/estimators.py --data ../shared/data [--sets digits,adult] [--seeds 5]
                                    [--max-iter 30] [--threads 1] [--no-search] [--out FILE]

Both classes get the same rows, already scaled and encoded, the same random state and scikit-learn's
default parameters but for the number of epochs. What is compared: seconds of `fit` and of `predict`
on the test part, the test score, the time of `predict_proba` (or `predict`) on one row, and a grid
search of 48 candidates in two processes, on the first rows of four sets. Every ratio comes from one
run on one machine.

Three ratios are shown for each: rows in double precision, and so networks in double precision; rows
in single precision for both; and rows in double precision with ``dtype="float32"`` here, which
scikit-learn has not. In double precision both spend most of their time in products at the peak of
the processor, which bounds the ratio.

Compiled code is kept on disk, as it is in use; the first fit and prediction of a network compile
for some tenths of a second, which are shown on their own. One-hot columns (adult, covertype) and
empty pixels (mnist) are learned from without their zeros; both classes get them as whole arrays.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from threadpoolctl import threadpool_limits

from quickprop.estimators import MLPClassifier, MLPRegressor
from tables import load, pipeline

SETS = ("digits", "adult", "california_housing", "covertype_15k", "mnist")
#: Those whose times of `fit` are judged together.
JUDGED = SETS[:4]
TEST_SHARE = 0.2
CLASSES = {
    "classification": (neural_network.MLPClassifier, MLPClassifier),
    "regression": (neural_network.MLPRegressor, MLPRegressor),
}
#: 48 candidates.
GRID = {
    "alpha": [1e-5, 1e-4, 1e-3, 1e-2],
    "learning_rate_init": [3e-4, 1e-3, 3e-3, 1e-2],
    "hidden_layer_sizes": [(16,), (32,), (32, 16)],
}


#: Rows of a set at most, and epochs of a fit, in a search.
SEARCH_ROWS, SEARCH_EPOCHS = 4000, 60


def table(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, str] | None:
    """Encoded rows, target and task; None when the files are not there."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return (
            (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1),
            y,
            "classification",
        )
    listing = folder / "datasets.json"
    if not listing.is_file():
        return None
    entries = {entry["name"]: entry for entry in json.loads(listing.read_text())["datasets"]}
    entry = entries[name]
    frame, target = load(folder, entry)
    y = frame[target].to_numpy()
    rows: pd.DataFrame = frame.drop(columns=target)
    if entry.get("kind") == "image" or name == "mnist":
        X = rows.to_numpy(np.float64) / 255.0
    else:
        X = np.ascontiguousarray(pipeline(rows, None)[0].fit_transform(rows), np.float64)
    if entry["task"] == "regression":
        return X, (y - y.mean()) / y.std(), "regression"
    return X, y, "classification"


def one_row(model, row: np.ndarray, calls: int = 300) -> float:
    """Seconds of a prediction for a single row, the least of five trials."""
    predict = getattr(model, "predict_proba", model.predict)
    predict(row)
    trials = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(calls):
            predict(row)
        trials.append((time.perf_counter() - started) / calls)
    return min(trials)


#: Who is compared: a name, whether it is quickprop, what is set beside the parameters of all.
PEERS = (
    ("sklearn", False, {}),
    ("quickprop", True, {}),
    ("quickprop float32", True, {"dtype": "float32"}),
)


def measure(kind, X: np.ndarray, y: np.ndarray, task: str, seed: int, settings: dict) -> dict:
    """Seconds and score of a class on the split of a seed."""
    rows, test, target, true = train_test_split(
        X, y, test_size=TEST_SHARE, random_state=seed, stratify=None if task == "regression" else y
    )
    model = kind(random_state=seed, **settings)
    started = time.perf_counter()
    model.fit(rows, target)
    fitted = time.perf_counter()
    model.predict(test)
    predicted = time.perf_counter()
    return {
        "fit": fitted - started,
        "predict": predicted - fitted,
        "score": float(model.score(test, true)),
        "epochs": model.n_iter_,
        "one row": one_row(model, test[:1]),
    }


def compare(X: np.ndarray, y: np.ndarray, task: str, seeds: int, settings: dict) -> dict:
    """All seeds of all peers, and the ratios of their times to scikit-learn's."""
    found: dict = {}
    peers = PEERS if X.dtype == np.float64 else PEERS[:2]
    for name, ours, more in peers[1:]:
        started = time.perf_counter()
        first = CLASSES[task][ours](random_state=0, **settings | more | {"max_iter": 1})
        first.fit(X, y).predict(X[:1])
        found[f"first fit and prediction, {name}"] = time.perf_counter() - started
    runs: dict[str, list[dict]] = {name: [] for name, _, _ in peers}
    for seed in range(seeds):
        # Turn by turn, so that whatever else the machine does meets all.
        for name, ours, more in peers:
            runs[name].append(measure(CLASSES[task][ours], X, y, task, seed, settings | more))
    found["runs"] = runs
    for what in ("fit", "predict", "one row"):
        seconds = {who: float(np.median([run[what] for run in runs[who]])) for who in runs}
        found[what] = seconds
        found[f"{what} ratio"] = {who: seconds["sklearn"] / seconds[who] for who in runs}
    scores = {who: np.array([run["score"] for run in runs[who]]) for who in runs}
    noise = float(np.std(scores["sklearn"], ddof=1)) if seeds > 1 else 0.0
    found["score"] = {who: float(values.mean()) for who, values in scores.items()}
    found["noise"] = noise
    found["as good"] = {
        who: bool(values.mean() >= scores["sklearn"].mean() - noise)
        for who, values in scores.items()
    }
    return found


def search(X: np.ndarray, y: np.ndarray, task: str, n_jobs: int) -> dict:
    """The grid search of both classes on a set."""
    found: dict = {}
    for who, ours, more in PEERS:
        model = CLASSES[task][ours](max_iter=1, random_state=0, **more)
        # Starts the processes and, here, compiles what is not on disk yet.
        GridSearchCV(model, GRID, cv=2, n_jobs=n_jobs).fit(X, y)
        model.set_params(max_iter=SEARCH_EPOCHS)
        started = time.perf_counter()
        done = GridSearchCV(model, GRID, cv=3, n_jobs=n_jobs).fit(X, y)
        found[who] = {"seconds": time.perf_counter() - started, "score": float(done.best_score_)}
        found[who]["ratio"] = found["sklearn"]["seconds"] / found[who]["seconds"]
    return found


def ratios(double: dict, single: dict, what: str) -> tuple[float, float, float]:
    """In double precision, in single precision, and of one in single precision to the other."""
    here = double[f"{what} ratio"]
    return here["quickprop"], single[f"{what} ratio"]["quickprop"], here["quickprop float32"]


def show(name: str, double: dict, single: dict) -> None:
    """A row of the table."""
    scores = "".join(f"{double['score'][who]:9.4f}" for who, _, _ in PEERS)
    seconds = "".join(f"{double['fit'][who]:8.2f}" for who, _, _ in PEERS)
    cells = "   ".join(
        "".join(f"{value:6.1f}" for value in ratios(double, single, what))
        for what in ("fit", "predict", "one row")
    )
    print(f"{name:19}{scores}{double['noise']:8.4f}{seconds}   {cells}", flush=True)


def searches(folder: Path) -> dict:
    """The grid search on each of the judged sets, shown as a table."""
    print("\ngrid search, 48 candidates, 2 processes: seconds, and times as fast as scikit-learn")
    print(f"{'set':19}{'sklearn':>9}{'qp':>9}{'qp f32':>9}{'qp':>9}{'qp f32':>9}   best score")
    found: dict = {}
    for name in JUDGED:
        given = table(folder, name)
        if given is None:
            continue
        X, y, task = given
        one = found[name] = search(X[:SEARCH_ROWS], y[:SEARCH_ROWS], task, 2)
        seconds = "".join(f"{one[who]['seconds']:9.2f}" for who, _, _ in PEERS)
        times = "".join(f"{one[who]['ratio']:9.1f}" for who, _, _ in PEERS[1:])
        scores = " ".join(f"{one[who]['score']:.4f}" for who, _, _ in PEERS)
        print(f"{name:19}{seconds}{times}   {scores}", flush=True)
    for who, _, _ in PEERS[1:]:
        mean = float(np.exp(np.mean([np.log(one[who]["ratio"]) for one in found.values()])))
        print(f"{who}, geometric mean of {len(found)} sets: {mean:.1f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-iter", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-search", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/estimators.json"))
    options = parser.parse_args()
    # In the processes of the search too.
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["PYTHONWARNINGS"] = "ignore"
    os.environ["QUICKPROP_NUM_THREADS"] = str(options.threads)
    settings = {"max_iter": options.max_iter}
    results: dict = {"settings": settings, "threads": options.threads, "sets": {}}
    print(f"{'':19}{'test score':>27}{'':8}{'seconds of fit':>24}   times as fast as scikit-learn")
    print(
        f"{'set':19}{'sklearn':>9}{'qp':>9}{'qp f32':>9}{'noise':>8}{'sklearn':>8}{'qp':>8}"
        f"{'qp f32':>8}   {'fit':18}   {'predict':18}   one row"
    )
    with threadpool_limits(options.threads):
        for name in options.sets.split(","):
            found = table(options.data, name)
            if found is None:
                print(f"{name:20}the file is not there: give --data FOLDER")
                continue
            X, y, task = found
            double = compare(X, y, task, options.seeds, settings)
            single = compare(X.astype(np.float32), y, task, options.seeds, settings)
            results["sets"][name] = {"task": task, "float64": double, "float32": single}
            show(name, double, single)
    judged = [results["sets"][name] for name in JUDGED if name in results["sets"]]
    if judged:
        all_ratios = np.array([ratios(one["float64"], one["float32"], "fit") for one in judged])
        means = np.exp(np.log(all_ratios).mean(axis=0))
        results["fit, geometric means"] = means.tolist()
        print(
            f"fit, geometric mean of {len(judged)} sets: {means[0]:.1f} times as fast in double "
            f"precision, {means[1]:.1f} in single precision, {means[2]:.1f} with dtype='float32'"
        )
    if not options.no_search:
        with threadpool_limits(options.threads):
            results["search"] = searches(options.data)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
