"""Training a network on arrays: the settings are checked, the step is compiled, the loop runs."""

from __future__ import annotations

import difflib
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from quickprop import config
from quickprop.errors import SettingError
from quickprop.execution import Minibatches
from quickprop.foundation.interrupts import Interrupts, held_interrupts
from quickprop.foundation.settings import (
    Component,
    Rule,
    boolean,
    component,
    integer,
    number,
    optional,
)
from quickprop.graph import ROWS, Shape
from quickprop.losses import LOSSES, Loss
from quickprop.native import NotInTimeError, Rows, compiling_within
from quickprop.nn import Network
from quickprop.optim import (
    FULL_BATCH_METHODS,
    OPTIMIZERS,
    SCHEDULES,
    Adam,
    Constant,
    Optimizer,
    Schedule,
)
from quickprop.optim.full_batch import FullBatchMethod
from quickprop.train.arrays import TrainingData, checked_part
from quickprop.train.averaging import AVERAGING, Averaging
from quickprop.train.callbacks import Callback
from quickprop.train.checkpoint import CheckpointFile, data_hash
from quickprop.train.evaluation import Evaluation
from quickprop.train.full_batch import check_settings, full_batch_loop
from quickprop.train.history import History
from quickprop.train.loop import Limits, Loop
from quickprop.train.mixup import Mixup, check_mixable
from quickprop.train.regularisers import Regularisers
from quickprop.train.step import TrainingStep, loss_document, training_step

_RULES: Mapping[str, Rule] = {
    "batch_size": optional(integer(1)),
    "epochs": integer(1),
    "patience": optional(integer(1)),
    "until": optional(number(-np.inf)),
    "budget": optional(number(0.0)),
    **Regularisers.rules(),
    "mixup": optional(number(0.0, low_open=True)),
    "averaging": optional(component(AVERAGING)),
    "seed": integer(0),
    "threads": optional(integer(1)),
    "checkpoint_seconds": number(0.0),
    "resume": boolean(),
}


def usual_batch_size(rows: int) -> int:
    """A power of two near the square root of the rows, from 32 to 256."""
    size = 32
    while size < 256 and 4 * size * size <= rows:
        size *= 2
    return size


def fit(
    network: Network,
    inputs: Any,
    target: Any,
    *,
    loss: Loss,
    optimizer: Optimizer | FullBatchMethod | None = None,
    schedule: Schedule | None = None,
    batch_size: int | None = None,
    epochs: int = 200,
    validation: tuple[Any, ...] | None = None,
    patience: int | None = 20,
    until: float | None = None,
    budget: float | None = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
    max_norm: float | None = None,
    weight_noise: float = 0.0,
    mixup: float | None = None,
    averaging: Averaging | None = None,
    weights: Any = None,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 1.0,
    resume: bool = False,
    backend: str | None = None,
    threads: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> History:
    """Train a network in place.

    Whatever ends the fit, the network has its best weights afterwards: those of the epoch with the
    lowest validation loss, or training loss when there is no validation part. Ctrl-C ends the fit
    and does not raise.

    Parameters
    ----------
    network : Network
        Training begins at its weights of now.
    inputs : tuple of array
        One matrix for each of ``network.inputs``, in their order or in a mapping by their names; a
        single matrix may stand alone. The columns of a frame are found by the network's
        `input_names`, where these were given. SciPy's sparse arrays stay sparse, and whole ones of
        mostly zeros (one-hot columns) are read as if they were: same numbers, quicker steps.
    target : array
        As the loss takes it: class codes (rows,), or numbers (rows, outputs).
    loss : Loss
    optimizer : Optimizer or FullBatchMethod, optional
        Default `Adam`. With `LBFGS` or `LevenbergMarquardt` an epoch is an iteration over all rows.
    schedule : Schedule, optional
        How the learning rate changes from step to step.
    batch_size : int, optional
        Rows in a step; by default `usual_batch_size`.
    epochs : int
        The most passes over the rows.
    validation : tuple, optional
        Inputs and target, and perhaps row weights, of rows that are only looked at.
    patience : int, optional
        Stop after so many epochs without a better validation loss; None never stops.
    until : float, optional
        Stop when the watched loss is at most this.
    budget : float, optional
        Seconds for everything, compiling included.
    l1, l2 : float
        Add ``l1 * sign(w)`` and ``l2 * w`` to the gradient of every weight, biases left out, as
        ``l1 * sum(abs(w))`` and ``l2 / 2 * sum(w**2)`` in the loss would. Decay that leaves the
        gradient alone is a setting of the optimizer: `AdamW`, `Lion`.
    clip_value : float, optional
        Every number of the gradients is held between minus and plus this.
    clip_norm : float, optional
        All gradients together, as one vector, are made no longer than this.
    max_norm : float, optional
        After every step the weights into each neuron are made no longer than this, as a vector
        (Hinton et al. 2012).
    weight_noise : float
        The standard deviation of normal random numbers that are added to the weights while a step
        computes its gradients, new ones at every step; the weights themselves stay.
    mixup : float, optional
        Learn from mixtures of two rows, their shares drawn from a beta distribution with this for
        both parameters: 0.1 to 0.4 mixes a little, 1 any share alike (Zhang et al. 2018).
    averaging : Averaging, optional
        `ExponentialAverage` or `StochasticWeightAverage`: validation looks at averages of the
        weights, and these are kept. Steps go on from the weights, which callbacks see.
    weights : array, optional
        Factors of the rows (rows,); only their proportions matter.
    seed : int
        The order of rows, dropout, noise and mixtures depend on it.
    callbacks : sequence of Callback
    checkpoint : path, optional
        A file that always holds a state to go on from, written at the end of epochs.
    checkpoint_seconds : float
        The least time between two writes of it.
    resume : bool
        Go on from the checkpoint when there is one; the result has the same bits as that of a fit
        which was never interrupted. The budget counts anew. Limits (`epochs`, `patience`, `until`,
        `budget`) may be others than before.
    backend : {"native", "reference"}, optional
    threads : int, optional
        The most threads to use; the result does not depend on it.
    clock : callable
        Gives seconds; for tests.

    Returns
    -------
    History

    Raises
    ------
    SettingError, ShapeError, DTypeError, DataError
        Before training, when settings or arrays do not fit.
    ModelFileError, DataFileError
        When the checkpoint is broken, of another fit, or cannot be read or written.
    """
    given = locals()
    plain = {name: rule.checked(given[name], f"fit.{name}") for name, rule in _RULES.items()}
    _check_kinds(network, loss, optimizer, schedule, callbacks)
    backend = config.backend_of(backend, "fit.backend")
    if checkpoint is not None and not (
        isinstance(checkpoint, str | os.PathLike) and Path(checkpoint).name
    ):
        raise SettingError(
            "not the path of a file", where="fit.checkpoint", given=repr(checkpoint)[:80]
        )
    if not callable(clock):
        raise SettingError(
            "not a function that gives seconds", where="fit.clock", given=repr(clock)[:80]
        )
    started = clock()
    if resume and checkpoint is None:
        raise SettingError(
            "nothing to resume from", where="fit.resume", hint="name the checkpoint file"
        )
    optimizer = Adam() if optimizer is None else optimizer
    if mixup is not None:
        check_mixable(network)
    rows = checked_part(network, loss, inputs, target, weights, "training")
    held_out = _validation_part(network, loss, validation)
    batch = min(plain["batch_size"] or usual_batch_size(rows.rows), rows.rows)
    limits = Limits(plain["epochs"], plain["patience"], plain["until"], plain["budget"])
    total_steps = limits.epochs * -(-rows.rows // batch)
    if limits.budget is not None and clock() - started >= limits.budget:
        return _no_time(limits.budget, clock() - started)
    if isinstance(optimizer, FullBatchMethod):
        check_settings(optimizer, rows.rows, plain["batch_size"], schedule, checkpoint)
        _check_no_step_settings(optimizer, plain)
    with held_interrupts() as interrupts:

        def compiling() -> AbstractContextManager[None]:
            """No longer than the budget lasts, by a clock that can be waited for, or to Ctrl-C."""
            if resume:
                # What was learned before is not given up.
                return nullcontext()
            left = math.inf
            if limits.budget is not None and clock is time.monotonic:
                left = limits.budget - (clock() - started)
            return compiling_within(left, lambda: interrupts.raised)

        if isinstance(optimizer, FullBatchMethod):
            try:
                with compiling():
                    full_batch = full_batch_loop(
                        network,
                        loss,
                        optimizer,
                        rows,
                        _evaluation(network, loss, held_out, backend),
                        limits,
                        l2=plain["l2"],
                        backend=backend,
                        threads=plain["threads"],
                        callbacks=tuple(callbacks),
                        clock=clock,
                        started=started,
                        interrupts=interrupts,
                    )
            except NotInTimeError:
                return _not_begun(limits.budget, interrupts, clock() - started)
            full_batch.run()
            return full_batch.history
        regularisers = Regularisers(**{name: plain[name] for name in Regularisers.rules()})
        step = training_step(
            network,
            loss,
            optimizer,
            schedule,
            regularisers,
            plain["averaging"],
            _weights_shape(rows, mixup),
            mixup is not None,
        )
        if step.step in step.state and total_steps >= 2**31:
            raise SettingError(
                "more steps than can be counted",
                where="fit.epochs",
                allowed=f"at most {(2**31 - 1) * limits.epochs // total_steps}",
                given=limits.epochs,
            )
        step.total_steps.assign(total_steps)
        file = None
        needs_total = any(part and part.needs_total for part in (schedule, averaging))
        if checkpoint is not None:
            identity = {
                "network": network.to_document(),
                "loss": loss.to_document(),
                "optimizer": optimizer.to_document(),
                "schedule": schedule.to_document() if schedule else None,
                **{name.replace("_", " "): plain[name] for name in Regularisers.rules()},
                "mixup": plain["mixup"],
                "averaging": averaging.to_document() if averaging else None,
                "seed": plain["seed"],
                "batch size": batch,
                "planned length": total_steps if needs_total else None,
                "backend": backend,
                "data": _hash_of(rows, held_out),
                "function of the loss": loss_document(network, loss),
                "function of the step": step.rate_document(),
            }
            file = CheckpointFile(checkpoint, identity)
        try:
            with compiling():
                batches = Minibatches(
                    step.graph,
                    _bound(network, step, rows),
                    batch,
                    backend=backend,
                    threads=plain["threads"],
                )
                look = _evaluation(network, loss, held_out, backend)
        except NotInTimeError:
            return _not_begun(limits.budget, interrupts, clock() - started)
        loop = Loop(
            network,
            step,
            batches,
            look,
            limits,
            base_rate=optimizer.learning_rate,
            schedule=schedule or Constant(),
            seed=plain["seed"],
            mixup=None if mixup is None else Mixup(plain["mixup"], rows, plain["seed"]),
            callbacks=tuple(callbacks),
            file=file,
            seconds_between_writes=plain["checkpoint_seconds"],
            clock=clock,
            started=started,
            interrupts=interrupts,
        )
        if resume:
            loop.resume()
        loop.run()
        return loop.history


def _check_no_step_settings(method: FullBatchMethod, plain: Mapping[str, Any]) -> None:
    """Raise `SettingError` for settings of mini-batch steps, which such a method does not make."""
    usual = {**Regularisers().to_document(), "mixup": None, "averaging": None}
    for name in usual.keys() - {"kind", "l2"}:
        if plain[name] != usual[name]:
            raise SettingError(
                f"{type(method).__name__} knows no such setting",
                where=f"fit.{name}",
                allowed=repr(usual[name]),
                given=repr(plain[name])[:80],
                hint="leave it out, or train with Adam()",
            )


def _not_begun(budget: float | None, interrupts: Interrupts, seconds: float) -> History:
    """The history of a fit whose code was not compiled in time."""
    if interrupts.raised:
        return History(stopped="interrupted before epoch 1", seconds=seconds)
    assert budget is not None
    return _no_time(budget, seconds)


def _no_time(budget: float, seconds: float) -> History:
    return History(
        stopped=(
            f"the budget of {budget:g} s was too small for a single step; "
            "the weights are the starting ones"
        ),
        seconds=seconds,
    )


def _check_kinds(
    network: object, loss: object, optimizer: object, schedule: object, callbacks: object
) -> None:
    """Objects of the right kinds, or the error that names some."""
    kinds: list[tuple[str, object, type | tuple[type, ...], Mapping[str, type[Component]]]] = [
        ("loss", loss, Loss, LOSSES),
        (
            "optimizer",
            Adam() if optimizer is None else optimizer,
            (Optimizer, FullBatchMethod),
            {**OPTIMIZERS, **FULL_BATCH_METHODS},
        ),
    ]
    if schedule is not None:
        kinds.append(("schedule", schedule, Schedule, SCHEDULES))
    for name, value, kind, known in kinds:
        if not isinstance(value, kind):
            raise SettingError(
                f"not {'an' if name == 'optimizer' else 'a'} {name}",
                where=f"fit.{name}",
                allowed=", ".join(f"{known_name}()" for known_name in known),
                given=repr(value)[:80],
                hint=_made(value, known),
            )
    if not isinstance(network, Network):
        raise SettingError("not a network", where="fit.network", given=repr(network)[:80])
    if not network.parameters:
        raise SettingError(
            "a network with nothing to learn",
            where="fit.network",
            given=repr(network)[:80],
            hint="give it a layer with weights, such as Dense(...)",
        )
    if not isinstance(callbacks, list | tuple):
        raise SettingError(
            "not a list of callbacks",
            where="fit.callbacks",
            given=repr(callbacks)[:80],
            hint="put it into a list: [callback]" if isinstance(callbacks, Callback) else None,
        )
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise SettingError(
                "not a callback",
                where="fit.callbacks",
                allowed="objects of classes made from Callback",
                given=repr(callback)[:80],
            )


def _made(value: object, known: Mapping[str, type[Component]]) -> str | None:
    """A hint for a class or a name in place of what is made of it."""
    name = value.__name__ if isinstance(value, type) else value
    if not isinstance(name, str):
        return None
    plain = {kind.lower(): kind for kind in known}
    found = difflib.get_close_matches(name.lower().replace("_", ""), plain, 1)
    return f"make one: {plain[found[0]]}()" if found else None


def _validation_part(
    network: Network, loss: Loss, given: tuple[Any, ...] | None
) -> TrainingData | None:
    if given is None:
        return None
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise SettingError(
            "not a pair",
            where="fit.validation",
            allowed="(inputs, target) or (inputs, target, weights)",
        )
    return checked_part(
        network, loss, given[0], given[1], given[2] if len(given) == 3 else None, "validation"
    )


def _weights_shape(rows: TrainingData, mixup: float | None) -> Shape | None:
    """The shape of the factors of the rows, if there are any."""
    if rows.weights is not None:
        return (ROWS, *rows.weights.shape[1:])
    return None if mixup is None else (ROWS,)


def _bound(network: Network, step: TrainingStep, rows: TrainingData) -> dict[Any, Rows]:
    data = dict(zip(network.inputs, rows.inputs, strict=True))
    data[step.target] = rows.target
    weights = rows.weights
    if step.weights is not None:
        if weights is None:
            weights = np.ones(rows.rows, rows.inputs[0].dtype)
        data[step.weights] = weights
        if step.partner is not None:
            # Until the first epoch mixes the rows.
            data[step.partner[0]], data[step.partner[1]] = rows.target, weights
    return data


def _evaluation(
    network: Network, loss: Loss, part: TrainingData | None, backend: str
) -> Evaluation | None:
    if part is None:
        return None
    return Evaluation(network, loss, (*part.inputs, part.target), part.weights, backend)


def _hash_of(rows: TrainingData, held_out: TrainingData | None) -> str:
    arrays = [*rows.inputs, rows.target, rows.weights]
    if held_out is not None:
        arrays += [*held_out.inputs, held_out.target, held_out.weights]
    return data_hash(arrays)
