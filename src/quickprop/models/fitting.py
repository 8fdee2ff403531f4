"""The main job: from a table to a trained, judged and ready model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from quickprop.data import (
    ClassTarget,
    Matrices,
    Preprocessor,
    RegressionTarget,
    Split,
    choose_task,
    column_of,
    fit_target,
    read_table,
    split_rows,
    table_hash,
    usable_rows,
)
from quickprop.errors import DataError, SettingError
from quickprop.losses import CrossEntropy, MeanSquaredError
from quickprop.models.baselines import (
    Baselines,
    classification_baselines,
    regression_baselines,
)
from quickprop.models.recipe import Recipe, recipe_for
from quickprop.models.report import FitReport
from quickprop.models.scores import Scores, classification_scores, regression_scores
from quickprop.models.table_model import TableModel, network_inputs
from quickprop.models.verdict import verdict
from quickprop.nn import Embedding, Network
from quickprop.train import Callback, History
from quickprop.train import fit as train

#: Fewest rows that can be split into three parts and still say anything.
FEWEST_ROWS = 8


def fit(
    data: Any,
    target: str,
    *,
    task: str = "auto",
    hidden: Sequence[int] | None = None,
    budget: float | None = 30.0,
    seed: int = 0,
    test: float = 0.2,
    epochs: int | None = None,
    callbacks: Sequence[Callback] = (),
    on_stage: Callable[[str], None] | None = None,
    backend: str | None = None,
    threads: int | None = None,
) -> TableModel:
    """Train a network that predicts one column of a table from the others.

    A test part is set aside first and never seen by the fit. Of the rest, a validation part decides
    which epoch's weights are kept. The network is scored on the test part beside a model that
    always says the same and a linear model.

    Parameters
    ----------
    data : path or table
        A CSV (also gzip), Parquet or Arrow IPC file, or a pandas, polars or pyarrow table.
    target : str
        The column to predict.
    task : {"auto", "regression", "classification"}
        "auto" decides by the target column; `TableModel.report` says why.
    hidden : sequence of int, optional
        Widths of the hidden layers, such as ``[64, 64]``; empty for a linear network. Chosen by
        the number of rows when not given.
    budget : float or None
        Seconds that training may take; None for no limit.
    seed : int
        The same seed and data give the same model.
    test : float
        Share of the rows for the test part; 0 for none, and then there are no scores.
    epochs : int, optional
        The most epochs to run.
    callbacks : sequence of Callback
        Look on while the network trains.
    on_stage : callable, optional
        Called with a few words when a new stage begins.
    backend : {"native", "reference"}, optional
    threads : int, optional
        The most threads to use.

    Returns
    -------
    TableModel

    Raises
    ------
    DataError, DataFileError
        The table cannot be read or used.
    SettingError
        An option outside what is allowed.
    KeyboardInterrupt
        Ctrl-C before anything was learned; later it ends the fit, and what was learned is returned.
    """
    started = time.perf_counter()
    say = on_stage or (lambda words: None)
    widths = None if hidden is None else _checked_widths(hidden)
    if budget is not None and not (_is_number(budget) and budget > 0):
        raise SettingError(
            "training needs some time",
            where="budget",
            allowed="seconds above 0",
            given=repr(budget)[:80],
            hint="give seconds as a number, for example budget=30.0",
        )
    say("reading the table")
    frame = read_table(data)
    if not (isinstance(test, float | int) and not isinstance(test, bool)):
        raise SettingError(
            "not a share of the rows for test",
            where="test",
            allowed="0 to below 1",
            given=repr(test)[:80],
        )
    column = column_of(frame, target)
    mask, note = usable_rows(column)
    notes = [] if note is None else [note]
    read = len(column)
    if not mask.all():
        frame = frame.filter(mask.tolist())
        column = column_of(frame, target)
    if len(column) < FEWEST_ROWS:
        raise DataError(
            "too few rows",
            where=f"target {target!r}",
            allowed=f"at least {FEWEST_ROWS} rows with a target",
            given=len(column),
            hint="give more rows",
        )
    chosen = choose_task(column, task)
    whole_target = fit_target(column, chosen.kind)
    codes = whole_target.encode(column) if isinstance(whole_target, ClassTarget) else None
    split = split_rows(len(column), seed=seed, test=test, classes=codes)

    say("preparing the columns")
    train_frame = frame[split.train.tolist()]
    preprocessor = Preprocessor.fit(train_frame, exclude=(target,))
    matrices = preprocessor.transform(frame)
    codec: ClassTarget | RegressionTarget = whole_target
    if not isinstance(codec, ClassTarget):
        # Classes are known beforehand; a mean and a spread are learned, so from training rows only.
        codec = RegressionTarget.fit(column_of(train_frame, target))
    encoded = codec.encode(column)

    recipe = recipe_for(len(split.train), chosen.kind, widths)
    outputs = len(codec.classes) if isinstance(codec, ClassTarget) else 1
    network = Network(
        recipe.layers(outputs),
        features=len(preprocessor.numeric_names),
        categories=preprocessor.category_levels,
        seed=seed,
    )
    say("training")
    history = _train(
        network, recipe, matrices, encoded, split, budget, seed, epochs, callbacks, backend, threads
    )
    if history.interrupted and not history.epochs:
        raise KeyboardInterrupt
    stand_in_for_unseen(network, matrices.categories[split.train])
    trained = time.perf_counter()

    scores: dict[str, Scores] = {}
    sentence = "Not judged: no rows were held out for testing."
    if not history.epochs:
        sentence = "Not judged: the network still has its starting weights."
    elif len(split.test):
        say("fitting the linear model to compare with")
        try:
            scores, sentence = _judge(
                network, codec, matrices, encoded, column, split, preprocessor
            )
        except KeyboardInterrupt:
            # The network is trained: breaking off here must not lose it.
            sentence = "Not judged: broken off while the linear model was being fitted."
    done = time.perf_counter()
    report = FitReport(
        task=chosen.kind,
        reason=chosen.reason,
        target=target,
        rows={
            "read": read,
            "set_aside": read - len(column),
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
        },
        notes=(*notes, *preprocessor.notes),
        network=repr(network).strip("<>").removeprefix("Network "),
        scores=scores,
        verdict=sentence,
        epochs=len(history.epochs),
        best_epoch=history.best_epoch,
        stopped=history.stopped,
        seconds={
            "training": history.seconds,
            "baselines": done - trained,
            "total": done - started,
        },
    )
    return TableModel(preprocessor, codec, network, history, report, table_hash(frame))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _checked_widths(hidden: Sequence[int]) -> tuple[int, ...]:
    if isinstance(hidden, str) or not isinstance(hidden, Iterable):
        raise SettingError(
            "not the widths of hidden layers",
            where="hidden",
            allowed="a sequence of whole numbers, such as [64, 64]",
            given=repr(hidden)[:80],
        )
    widths = tuple(int(width) if isinstance(width, np.integer) else width for width in hidden)
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= 16384:
            raise SettingError(
                "not the width of a layer",
                where="hidden",
                allowed="whole numbers from 1 to 16384",
                given=repr(width)[:80],
            )
    if len(widths) > 64:
        raise SettingError("too many layers", where="hidden", allowed="at most 64")
    return widths


def _train(
    network: Network,
    recipe: Recipe,
    matrices: Matrices,
    encoded: np.ndarray,
    split: Split,
    budget: float | None,
    seed: int,
    epochs: int | None,
    callbacks: Sequence[Callback],
    backend: str | None,
    threads: int | None,
) -> History:
    def part(rows: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        some = matrices.take(rows)
        return network_inputs(network, some.numeric, some.categories), encoded[rows]

    inputs, target = part(split.train)
    return train(
        network,
        inputs,
        target,
        loss=CrossEntropy() if encoded.ndim == 1 else MeanSquaredError(),
        optimizer=recipe.optimizer,
        schedule=recipe.schedule,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs if epochs is None else epochs,
        validation=part(split.validation) if len(split.validation) else None,
        patience=recipe.patience,
        budget=budget,
        l2=recipe.l2,
        seed=seed,
        callbacks=callbacks,
        backend=backend,
        threads=threads,
    )


def stand_in_for_unseen(network: Network, codes: np.ndarray) -> None:
    """Give code 0 of an embedded column the mean vector of all training rows, if it had none.

    Code 0 stands for rare and unseen levels. Without rare levels in training its vector was never
    learned, and new rows would meet random numbers.

    Parameters
    ----------
    codes : int array, shape (rows, embedded columns)
        Of the training rows.
    """
    front = network.layers[0]
    if not isinstance(front.layer, Embedding):
        return
    for column, table in enumerate(front.parameters.values()):
        vectors = table.value
        counts = np.bincount(codes[:, column], minlength=len(vectors))
        if not counts[0]:
            vectors[0] = counts @ vectors / counts.sum()
            table.assign(vectors)


def _judge(
    network: Network,
    codec: ClassTarget | RegressionTarget,
    matrices: Matrices,
    encoded: np.ndarray,
    column: Any,
    split: Split,
    preprocessor: Preprocessor,
) -> tuple[dict[str, Scores], str]:
    """Scores of the network, the linear model and the dummy on the test part, and the verdict."""
    train_part, test_part = matrices.take(split.train), matrices.take(split.test)
    outputs = network.predict(*network_inputs(network, test_part.numeric, test_part.categories))
    levels = preprocessor.category_levels
    if isinstance(codec, ClassTarget):
        baselines: Baselines = classification_baselines(
            train_part, encoded[split.train], test_part, len(codec.classes), levels
        )
        true, predicted = encoded[split.test], CrossEntropy().predict(outputs)
        score: Callable[[np.ndarray, np.ndarray], Scores] = classification_scores
    else:
        numbers = codec.numbers(column)
        baselines = regression_baselines(train_part, numbers[split.train], test_part, levels)
        true, predicted = numbers[split.test], codec.decode(outputs)
        score = regression_scores
    scores = {
        "network": score(true, predicted),
        "linear": score(true, baselines.linear),
        "dummy": score(true, baselines.dummy),
    }
    return scores, verdict(codec.kind, true, predicted, baselines.linear, baselines.dummy)
