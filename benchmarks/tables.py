"""quickprop.fit beside scikit-learn's MLP on real tables: test scores and time, one split for all.

    python benchmarks/tables.py --data ../shared/data [--sets iris,adult] [--seeds 1] [--out FILE]

Every model sees the same training rows and is scored on the same test rows. scikit-learn's MLP runs
with its default settings behind a standard scaler, a one-hot encoder and imputers. The linear model
is logistic or ridge regression behind the same. One thread each.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import quickprop

TEST_SHARE = 0.2


def load(folder: Path, entry: dict) -> tuple[pd.DataFrame, str]:
    """The table of a data set and the name of its target."""
    path = folder / entry["file"]
    if entry.get("kind") == "image":
        with np.load(path) as arrays:
            pixels = np.concatenate([arrays["x_train"], arrays["x_test"]])
            labels = np.concatenate([arrays["y_train"], arrays["y_test"]])
        flat = pixels.reshape(len(pixels), -1)
        frame = pd.DataFrame(flat, columns=[f"pixel{k}" for k in range(flat.shape[1])])
        return frame.assign(label=labels), "label"
    return pd.read_csv(path, low_memory=False), entry["target"]


def pipeline(frame: pd.DataFrame, model):
    """The preprocessing that scikit-learn's users put before an MLP."""
    text = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    numeric = [c for c in frame if c not in text]
    hot = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    return make_pipeline(ColumnTransformer([("n", scale, numeric), ("c", hot, text)]), model)


def score(task: str, true: np.ndarray, predicted: np.ndarray) -> float:
    """Accuracy, or RMSE."""
    if task == "regression":
        return math.sqrt(float(np.mean((true - predicted) ** 2)))
    return float(np.mean(true == predicted))


def run(frame: pd.DataFrame, target: str, task: str, seed: int, budget: float) -> dict:
    """Scores and seconds of every model on one split."""
    labels = frame[target].to_numpy()
    train, test = train_test_split(
        np.arange(len(frame)),
        test_size=TEST_SHARE,
        random_state=seed,
        stratify=labels if task == "classification" else None,
    )
    table, held_out = frame.iloc[train], frame.iloc[test]
    x, y = table.drop(columns=target), labels[train]
    if task == "classification":
        peers = {
            "dummy": DummyClassifier(),
            "linear": LogisticRegression(max_iter=200),
            "sklearn": MLPClassifier(random_state=seed),
        }
    else:
        peers = {
            "dummy": DummyRegressor(),
            "linear": Ridge(),
            "sklearn": MLPRegressor(random_state=seed),
        }
    results = {}
    for name, model in peers.items():
        started = time.perf_counter()
        whole = pipeline(x, model).fit(x, y)
        seconds = time.perf_counter() - started
        results[name] = {
            "score": score(task, labels[test], whole.predict(held_out.drop(columns=target))),
            "seconds": seconds,
        }
    started = time.perf_counter()
    ours = quickprop.fit(table, target, task=task, seed=seed, test=0.0, budget=budget)
    seconds = time.perf_counter() - started
    predicted = ours.predict(held_out.drop(columns=target))
    results["quickprop"] = {
        "score": score(task, labels[test], np.asarray(predicted)),
        "seconds": seconds,
        "network": ours.report.network,
        "epochs": [ours.report.best_epoch, ours.report.epochs],
    }
    return results


def judge(task: str, rows: list[dict]) -> dict:
    """Means over the seeds, and who is better."""
    names = ("dummy", "linear", "sklearn", "quickprop")
    mean = {name: float(np.mean([row[name]["score"] for row in rows])) for name in names}
    seconds = {name: float(np.mean([row[name]["seconds"] for row in rows])) for name in names}
    sign = -1 if task == "regression" else 1

    def better(a: str, b: str) -> bool:
        return sign * mean[a] > sign * mean[b]

    return {
        "score": mean,
        "seconds": seconds,
        "at_least_sklearn": not better("sklearn", "quickprop"),
        "sklearn_beats_linear": better("sklearn", "linear"),
        "beats_linear": better("quickprop", "linear"),
        "faster": seconds["quickprop"] < seconds["sklearn"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", default="")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budget", type=float, default=30.0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/tables.json"))
    options = parser.parse_args()
    listing = options.data / "datasets.json"
    if not listing.is_file():
        print(f"the tables are not there: {listing} does not exist; give --data FOLDER")
        return
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["QUICKPROP_NUM_THREADS"] = "1"
    threadpool_limits(1)
    wanted = {name for name in options.sets.split(",") if name}
    found: dict[str, dict] = {}
    print("accuracy, or RMSE; win: at least as good as scikit-learn's MLP; <l: not above linear")
    print(
        f"{'set':21}{'dummy':>9}{'linear':>9}{'sklearn':>9}{'quickprop':>10}          seconds s / q"
    )
    for entry in json.loads(listing.read_text())["datasets"]:
        name = entry["name"]
        if wanted and name not in wanted:
            continue
        task = "regression" if entry.get("task") == "regression" else "classification"
        frame, target = load(options.data, entry)
        runs = [run(frame, target, task, seed, options.budget) for seed in range(options.seeds)]
        found[name] = {"task": task, "runs": runs} | judge(task, runs)
        one = found[name]
        cells = "".join(
            f"{one['score'][who]:{width}.4g}"
            for who, width in (("dummy", 9), ("linear", 9), ("sklearn", 9), ("quickprop", 10))
        )
        mark = ("win " if one["at_least_sklearn"] else "loss") + (
            "   " if one["beats_linear"] else " <l"
        )
        times = f"{one['seconds']['sklearn']:.1f} / {one['seconds']['quickprop']:.1f}"
        print(f"{name:21}{cells} {mark} {times}", flush=True)
    total = len(found)
    as_good = sum(one["at_least_sklearn"] for one in found.values())
    faster = sum(one["faster"] for one in found.values())
    beats = [n for n, o in found.items() if o["sklearn_beats_linear"] and not o["beats_linear"]]
    print(f"at least as good as scikit-learn's MLP on {as_good} of {total}, faster on {faster}")
    print(f"linear model not beaten where scikit-learn's MLP does: {', '.join(beats) or 'nowhere'}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
