"""The linear model that a network must beat: what a person would fit, or better."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quickprop.data.numeric_column import NumericColumn
from quickprop.foundation.deadline import Deadline
from quickprop.foundation.one_blas_thread import one_blas_thread
from quickprop.models.inputs import network_inputs
from quickprop.models.prepared import Prepared
from quickprop.models.recipe import Recipe, linear_recipe
from quickprop.models.trained import Trained, stand_in_for_unseen, train_model
from quickprop.nn import Embedding
from quickprop.train import Callback, EpochRecord, History
from quickprop.train.history import Stop, StopReason

#: Columns up to which the equations of least squares are solved; their square is held in memory.
_MOST_SOLVED = 1500
#: Keeps the equations solvable where columns tell the same: far below what is seen in scores.
_RIDGE = 1e-9
_PIECE = 2**14
#: Multiply-adds of a linear fit a second, well below what any machine does, and its looks at the
#: loss.
_RATE, _LOOKS = 2e9, 40
#: What a cell of the design takes beside, in multiply-adds.
_CELL = 60


@dataclass(frozen=True, eq=False)
class LinearFit:
    """A linear model and the matrices that it reads.

    Attributes
    ----------
    prepared : Prepared
        The table with the network's features, or with plain standardised columns.
    trained : Trained
    """

    prepared: Prepared
    trained: Trained

    def said(self, rows: np.ndarray) -> np.ndarray:
        """Predictions for some rows, as the task scores them."""
        return predictions(self.prepared, self.trained, rows)


def predictions(prepared: Prepared, model: Trained, rows: np.ndarray) -> np.ndarray:
    """What a model says of some rows, as the task scores it."""
    inputs = network_inputs(model.network, prepared.matrices.take(rows))
    return prepared.task.scored(model.network.predict(*inputs))


def seconds_of_linear(prepared: Prepared) -> float:
    """About how long `fit_linear` takes, compiling apart."""
    rows = len(prepared.split.train)
    preprocessor = prepared.preprocessor
    width = len(preprocessor.numeric_names) + len(preprocessor.category_names) + 1
    steps = 2.0 * rows * width * prepared.task.outputs * _LOOKS / _RATE
    return steps + (_seconds_solving(prepared, rows) if _is_solved(prepared) else steps)


def _seconds_solving(prepared: Prepared, rows: int) -> float:
    """About how long the equations of least squares take, their design and plain columns too."""
    columns = _columns(prepared)
    return rows * columns * (columns + _CELL) / _RATE


def fit_linear(
    prepared: Prepared,
    *,
    deadline: Deadline | None = None,
    callbacks: Sequence[Callback] = (),
    backend: str | None = None,
    threads: int | None = None,
) -> LinearFit | None:
    """The better of two linear models, or None where there was no time for one.

    One has the network's features and a small penalty; the other what a person would take first:
    plain standardised columns, and of numbers ordinary least squares. The validation rows decide.

    Parameters
    ----------
    prepared : Prepared
    deadline : Deadline, optional
    callbacks, backend, threads : optional
        As `train_model` takes them.

    Returns
    -------
    LinearFit or None
        After Ctrl-C the one that was broken off, as its history says.
    """
    until = Deadline() if deadline is None else deadline
    made: list[LinearFit] = []
    for variant in linear_variants(prepared, callbacks=callbacks, backend=backend, threads=threads):
        one = variant(prepared.split.train, until)
        if one is None:
            continue
        if one.trained.history.interrupted:
            return one
        made.append(one)
    if len(made) < 2:
        return made[0] if made else None
    return min(made, key=_validation_loss)


#: Fits a linear model to some rows by the time that is left; None where that was too short.
LinearVariant = Callable[[np.ndarray, Deadline], LinearFit | None]


def linear_variants(
    prepared: Prepared,
    *,
    callbacks: Sequence[Callback] = (),
    backend: str | None = None,
    threads: int | None = None,
) -> tuple[LinearVariant, ...]:
    """The ways to fit a line that are tried, each as a function of the rows to learn from.

    Parameters
    ----------
    prepared : Prepared
    callbacks, backend, threads : optional
        As `train_model` takes them.
    """

    def trained(plain: bool) -> LinearVariant:
        def fit(rows: np.ndarray, until: Deadline) -> LinearFit | None:
            left = until.left
            if left <= 0.0:
                return None
            one = prepared.plain if plain else prepared
            model = train_model(
                one,
                linear_recipe(prepared.task.linear_penalty(len(rows))),
                rows=rows,
                budget=left if until.limited else None,
                callbacks=callbacks,
                backend=backend,
                threads=threads,
            )
            history = model.history
            return LinearFit(one, model) if history.epochs or history.interrupted else None

        return fit

    def solved(rows: np.ndarray, until: Deadline) -> LinearFit | None:
        if until.left < _seconds_solving(prepared, len(rows)):
            return None
        plain = prepared.plain
        recipe = linear_recipe(prepared.task.linear_penalty(len(rows)))
        return LinearFit(plain, _solved(plain, recipe, rows))

    if _is_solved(prepared):
        return solved, trained(plain=False)
    if any(isinstance(column, NumericColumn) for column in prepared.preprocessor.columns):
        return trained(plain=False), trained(plain=True)
    return (trained(plain=False),)


def _validation_loss(fit: LinearFit) -> float:
    split = fit.prepared.split
    rows = split.validation if len(split.validation) else split.train
    loss = float(np.mean(fit.prepared.task.row_losses(fit.prepared.truth[rows], fit.said(rows))))
    return loss if math.isfinite(loss) else math.inf


def _columns(prepared: Prepared) -> int:
    """Columns of the design: features, levels, and the constant."""
    preprocessor = prepared.preprocessor
    return len(preprocessor.numeric_names) + sum(preprocessor.category_levels) + 1


def _is_solved(prepared: Prepared) -> bool:
    return prepared.task.squared and _columns(prepared) <= _MOST_SOLVED


@one_blas_thread()
def _solved(prepared: Prepared, recipe: Recipe, rows: np.ndarray) -> Trained:
    """Least squares by its equations, in float64."""
    begun = time.perf_counter()
    target = prepared.encoded.reshape(len(prepared.encoded), -1)
    count, outputs = _columns(prepared), target.shape[1]
    products, right = np.zeros((count, count)), np.zeros((count, outputs))
    for first in range(0, len(rows), _PIECE):
        piece = rows[first : first + _PIECE]
        design = _design(prepared, piece)
        products += design.T @ design
        right += design.T @ target[piece].astype(np.float64)
    size = np.sqrt(np.maximum(np.diag(products), 1e-300))
    scaled = products / size / size[:, None]
    scaled[np.diag_indices(count)] += _RIDGE
    found = np.linalg.solve(scaled, right / size[:, None]) / size[:, None]
    network = recipe.network(prepared.interface)
    features = len(prepared.preprocessor.numeric_names)
    place = features
    for placed in network.layers:
        for table in placed.parameters.values():
            if isinstance(placed.layer, Embedding):
                levels = len(table.value)
                table.assign(found[place : place + levels])
                place += levels
            elif table.value.ndim == 2:
                table.assign(found[:features])
            else:
                table.assign(found[-1])
    if not features:
        # Without a layer that has a bias the constant goes into the levels of the first column.
        first_table = next(
            table
            for placed in network.layers
            for table in placed.parameters.values()
            if isinstance(placed.layer, Embedding)
        )
        first_table.assign(first_table.value + found[-1])
    stand_in_for_unseen(network, prepared.matrices.categories[rows])
    model = Trained(network, History(), recipe)
    said = network.predict(*network_inputs(network, prepared.matrices.take(rows)))
    loss = float(np.mean((np.asarray(said, np.float64) - target[rows]) ** 2))
    seconds = time.perf_counter() - begun
    history = History(
        [EpochRecord(1, loss, None, 1.0, seconds)], 1, seconds=seconds, kept_loss=loss
    )
    history.end(Stop(StopReason.CONVERGED, "the equations of least squares were solved"))
    return replace(model, history=history)


def _design(prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    """Features, a 0/1 column for every code of every embedded column, and ones, float64."""
    part = prepared.matrices.take(rows)
    levels = prepared.preprocessor.category_levels
    design = np.zeros((len(rows), _columns(prepared)))
    place = part.numeric.shape[1]
    design[:, :place] = part.numeric
    for column, count in enumerate(levels):
        design[np.arange(len(rows)), place + part.categories[:, column]] = 1.0
        place += count
    design[:, -1] = 1.0
    return design
