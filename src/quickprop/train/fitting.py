"""Training a network on arrays: the settings are checked, the step is compiled, the loop runs."""

from __future__ import annotations

import difflib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from quickprop import config
from quickprop.errors import SettingError
from quickprop.execution import Minibatches
from quickprop.foundation.deadline import Deadline, NotInTimeError, time_limit
from quickprop.foundation.interrupts import Interrupts, held_interrupts
from quickprop.foundation.settings import Component, by_name
from quickprop.graph import ROWS, Shape
from quickprop.losses import LOSSES, Loss
from quickprop.native import CsrMatrix, compiling_within
from quickprop.nn import Network
from quickprop.optim import (
    SCHEDULES,
    TRAINING_METHODS,
    Adam,
    Constant,
    Optimizer,
    Schedule,
)
from quickprop.optim.full_batch import FullBatchMethod
from quickprop.train.arrays import TrainingData, checked_part
from quickprop.train.averaging import Averaging
from quickprop.train.best_weights import (
    BestByTraining,
    BestByValidation,
    BestWeights,
    LastWeights,
    TrainingLoss,
)
from quickprop.train.callbacks import Callback
from quickprop.train.checkpoint import CheckpointFile, FitFile, data_hash
from quickprop.train.evaluation import Evaluation
from quickprop.train.fit_settings import FitSettings
from quickprop.train.full_batch import FullBatchLoop, check_settings, problem_of
from quickprop.train.history import History, Stop, StopReason
from quickprop.train.loop import EpochLoop, too_little_time
from quickprop.train.loss_rule import Limits, LossRule
from quickprop.train.mixup import Mixup, check_mixable
from quickprop.train.objective import MeanLoss
from quickprop.train.rate_factors import check_factors
from quickprop.train.step import StepSpec, TrainingStep, loss_document, step_of

#: The loss of fewer multiply-adds than this is worked out by the interpreter at the end of a fit.
FEW_MULTIPLY_ADDS = 10**7


def usual_batch_size(rows: int) -> int:
    """A power of two near the square root of the rows, from 32 to 256.

    Examples
    --------
    >>> from quickprop.train import usual_batch_size
    >>> [usual_batch_size(rows) for rows in (100, 10_000, 1_000_000)]
    [32, 64, 256]
    """
    size = 32
    while size < 256 and 4 * size * size <= rows:
        size *= 2
    return size


def fit(
    network: Network,
    inputs: Any,
    target: Any,
    *,
    loss: Loss | str,
    optimizer: Optimizer | FullBatchMethod | str | None = None,
    schedule: Schedule | str | None = None,
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
    weight_decay: float = 0.0,
    decay_schedule: Schedule | str | None = None,
    rate_factors: Mapping[str, float] | None = None,
    mixup: float | None = None,
    averaging: Averaging | None = None,
    keep: str = "best",
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

    Whatever ends the fit, the network has its best weights afterwards: those with the lowest
    validation loss, or training loss when there is no validation part, the starting weights among
    them. That loss is `History.best_loss`. Ctrl-C ends the fit and does not raise.

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
    loss : Loss or str
        Or the name of one that needs no settings, such as "mse"; so of the next two.
    optimizer : Optimizer, FullBatchMethod or str, optional
        Default `Adam`. With `LBFGS` or `LevenbergMarquardt` an epoch is an iteration over all rows.
    schedule : Schedule or str, optional
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
        Stop when the watched loss is at most this: that of validation, else the mean over the steps
        of an epoch.
    budget : float, optional
        Seconds from the call to the return, compiling included.
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
    weight_decay : float
        Every weight, biases left out, shrinks by ``rate * weight_decay`` of itself at each step,
        with any optimizer; `AdamW` has a decay of its own, which counts biases too.
    decay_schedule : Schedule or str, optional
        How that changes from step to step, such as `FlatCosine`.
    rate_factors : mapping of str to float, optional
        Factors of the learning rate for some parameters, by the narrowest name given: of the
        parameter ("dense1.bias"), of its layer ("dense1"), of the kind of layer ("Scale") or of
        such a parameter in any layer ("bias"). A decay of weights goes with the rate: it has the
        factor once.
    mixup : float, optional
        Learn from mixtures of two rows, their shares drawn from a beta distribution with this for
        both parameters: 0.1 to 0.4 mixes a little, 1 any share alike (Zhang et al. 2018).
    averaging : Averaging, optional
        `ExponentialAverage` or `StochasticWeightAverage`: validation looks at averages of the
        weights, and these are kept. Steps go on from the weights, which callbacks see.
    keep : {"best", "last"}
        Which weights the network has afterwards: those with the lowest watched loss, or those after
        the last epoch, for schedules that let the rate down to them. The last are not measured.
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

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import Activation, Adam, Dense, MeanSquaredError, Network
    >>> from quickprop.train import fit
    >>> x = np.linspace(-2, 2, 200)[:, None]
    >>> network = Network([Dense(16), Activation("tanh"), Dense(1)], features=1)
    >>> history = fit(
    ...     network, x, x**2, loss=MeanSquaredError(), optimizer=Adam(0.01), epochs=1000, until=0.01
    ... )
    >>> history.stopped
    'the training loss reached 0.01'
    >>> network.predict([[1.0]]).round().tolist()
    [[1.0]]
    """
    begun = _now(clock)
    settings = FitSettings.checked(
        batch_size=batch_size,
        epochs=epochs,
        patience=patience,
        until=until,
        budget=budget,
        l1=l1,
        l2=l2,
        clip_value=clip_value,
        clip_norm=clip_norm,
        max_norm=max_norm,
        weight_noise=weight_noise,
        weight_decay=weight_decay,
        decay_schedule=by_name(decay_schedule, SCHEDULES),
        rate_factors=rate_factors,
        mixup=mixup,
        averaging=averaging,
        keep=keep,
        seed=seed,
        threads=threads,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
    )
    small = by_name(loss, LOSSES)
    method = by_name(optimizer, TRAINING_METHODS)
    rates = by_name(schedule, SCHEDULES)
    _check_kinds(network, small, method, rates, callbacks)
    _check_ways(checkpoint, resume)
    chosen = Fit(
        network,
        small,
        method or Adam(),
        rates,
        settings,
        tuple(callbacks),
        None if checkpoint is None else Path(checkpoint),
        config.backend_of(backend, "fit.backend"),
        Deadline(settings.budget, clock, begun),
    )
    return chosen.run(inputs, target, weights, validation)


@dataclass(frozen=True)
class Fit:
    """A fit whose settings are checked; `fit` explains them."""

    network: Network
    loss: Loss
    optimizer: Optimizer | FullBatchMethod
    schedule: Schedule | None
    settings: FitSettings
    callbacks: tuple[Callback, ...]
    checkpoint: Path | None
    backend: str
    deadline: Deadline

    def run(
        self, inputs: Any, target: Any, weights: Any, validation: tuple[Any, ...] | None
    ) -> History:
        """Make the rows and the code ready, then train."""
        if self.settings.mixup is not None:
            check_mixable(self.network)
        with held_interrupts() as interrupts:
            try:
                with self._in_time(interrupts):
                    loop = self._loop(inputs, target, weights, validation, interrupts)
            except NotInTimeError:
                return self._not_begun(interrupts)
            return loop.run()

    @contextmanager
    def _in_time(self, interrupts: Interrupts) -> Iterator[None]:
        """No longer than the budget lasts, by a clock that can be waited for, or to Ctrl-C."""
        if self.settings.resume:
            # What was learned before is not given up.
            yield
            return
        deadline = self.deadline
        timed = deadline.clock is time.monotonic
        if deadline.over:
            raise NotInTimeError
        with (
            time_limit(lambda: interrupts.raised or (timed and deadline.over)),
            compiling_within(deadline.left if timed else math.inf, lambda: interrupts.raised),
        ):
            yield
        # A clock of tests stands still while code is compiled.
        if deadline.over:
            raise NotInTimeError

    def _not_begun(self, interrupts: Interrupts) -> History:
        """The history of a fit that did not come to its first step."""
        history = History()
        if interrupts.raised:
            history.end(Stop(StopReason.INTERRUPTED, "interrupted before epoch 1"))
        else:
            history.end(too_little_time(self.deadline))
        history.seconds = self.deadline.passed
        return history

    def _loop(
        self,
        inputs: Any,
        target: Any,
        weights: Any,
        validation: tuple[Any, ...] | None,
        interrupts: Interrupts,
    ) -> EpochFit | FullBatchLoop:
        """All that is left is to run it."""
        network, loss = self.network, self.loss
        rows = checked_part(network, loss, inputs, target, weights, "training")
        held_out = _validation_part(network, loss, validation)
        if isinstance(self.optimizer, FullBatchMethod):
            return self._full_batch(self.optimizer, rows, held_out, interrupts)
        return self._mini_batches(self.optimizer, rows, held_out, interrupts)

    @property
    def _limits(self) -> Limits:
        settings = self.settings
        return Limits(settings.epochs, settings.patience, settings.until)

    def _evaluation(self, part: TrainingData, backend: str) -> Evaluation:
        arrays = (*part.inputs, part.target)
        return Evaluation(self.network, self.loss, arrays, part.weights, backend)

    def _full_batch(
        self,
        method: FullBatchMethod,
        rows: TrainingData,
        held_out: TrainingData | None,
        interrupts: Interrupts,
    ) -> FullBatchLoop:
        settings = self.settings
        check_settings(method, rows.rows, settings.batch_size, self.schedule, self.checkpoint)
        settings.check_full_batch(type(method).__name__)
        problem = problem_of(
            self.network,
            self.loss,
            method,
            rows,
            settings.regularisers.l2,
            self.backend,
            settings.threads,
        )
        return FullBatchLoop(
            self.network,
            method.descent(problem),
            None if held_out is None else self._evaluation(held_out, self.backend),
            self._limits,
            self.callbacks,
            self.deadline,
            interrupts,
        )

    def _mini_batches(
        self,
        optimizer: Optimizer,
        rows: TrainingData,
        held_out: TrainingData | None,
        interrupts: Interrupts,
    ) -> EpochFit:
        network, settings = self.network, self.settings
        schedule, mixup = self.schedule or Constant(), settings.mixup
        check_factors(settings.rate_factors, network)
        batch = min(settings.batch_size or usual_batch_size(rows.rows), rows.rows)
        step = step_of(
            network,
            StepSpec(
                MeanLoss(self.loss),
                optimizer,
                schedule,
                settings.regularisers,
                settings.averaging,
                _weights_shape(rows, mixup),
                mixup is not None,
                rate_factors=settings.rate_factors,
            ),
        )
        total_steps = settings.epochs * -(-rows.rows // batch)
        if step.counts_steps and total_steps >= 2**31:
            raise SettingError(
                "more steps than can be counted",
                where="fit.epochs",
                allowed=f"at most {(2**31 - 1) * settings.epochs // total_steps}",
                given=settings.epochs,
            )
        step.total_steps.assign(total_steps)
        batches = Minibatches(
            step.graph,
            step.bound(rows.inputs, rows.target, rows.weights),
            batch,
            backend=self.backend,
            threads=settings.threads,
        )
        look = None if held_out is None else self._evaluation(held_out, self.backend)
        best = self._best(step, rows, look, batches.steps_per_epoch)
        rule = LossRule(
            step,
            batches,
            self._limits,
            best,
            look,
            base_rate=optimizer.learning_rate,
            schedule=schedule,
            seed=settings.seed,
            mixup=None if mixup is None else Mixup(mixup, rows, settings.seed),
            deadline=self.deadline,
        )
        file = None
        if self.checkpoint is not None:
            file = FitFile(
                CheckpointFile(
                    self.checkpoint, self._identity(step, rows, held_out, batch, total_steps)
                ),
                network,
                step,
                best,
                batches.steps_per_epoch,
                settings.checkpoint_seconds,
                self.deadline.clock,
            )
        return EpochFit(self, batches, rule, file, interrupts)

    def _best(
        self,
        step: TrainingStep,
        rows: TrainingData,
        look: Evaluation | None,
        steps_per_epoch: int,
    ) -> BestWeights:
        if self.settings.keep == "last":
            return LastWeights(self.network, History())
        if look is not None:
            return BestByValidation(self.network, History(), look)
        work = rows.rows * self.network.parameter_count
        few = not any(isinstance(array, CsrMatrix) for array in rows.inputs)
        few = self.backend == "reference" or (few and work < FEW_MULTIPLY_ADDS)
        measure = TrainingLoss(lambda backend: self._evaluation(rows, backend), few)
        # Not where the step's loss is that of noisy or mixed rows, or other weights are kept.
        single = steps_per_epoch == 1 and not step.averages and step.partner is None
        single = single and step.settings.get("seed") not in step.graph.inputs
        return BestByTraining(self.network, History(), measure, single, self.deadline)

    def _identity(
        self,
        step: TrainingStep,
        rows: TrainingData,
        held_out: TrainingData | None,
        batch: int,
        total_steps: int,
    ) -> dict[str, Any]:
        """What a checkpoint must be of, to go on from it."""
        settings, schedule, averaging = self.settings, self.schedule, self.settings.averaging
        lasting = (schedule, averaging, settings.regularisers.decay_schedule)
        needs_total = any(part and part.needs_total for part in lasting)
        regularisers = settings.regularisers.to_document()
        del regularisers["kind"]
        return {
            "network": self.network.to_document(),
            "loss": self.loss.to_document(),
            "optimizer": self.optimizer.to_document(),
            "schedule": schedule.to_document() if schedule else None,
            **{name.replace("_", " "): value for name, value in regularisers.items()},
            "rate factors": [list(pair) for pair in settings.rate_factors],
            "mixup": settings.mixup,
            "averaging": averaging.to_document() if averaging else None,
            "seed": settings.seed,
            "batch size": batch,
            "planned length": total_steps if needs_total else None,
            "backend": self.backend,
            "data": _hash_of(rows, held_out),
            "function of the loss": loss_document(self.network, self.loss),
            "function of the step": step.rate_document(),
        }


class EpochFit:
    """A fit by mini-batches, ready to run."""

    def __init__(
        self,
        fit: Fit,
        batches: Minibatches,
        rule: LossRule,
        file: FitFile | None,
        interrupts: Interrupts,
    ) -> None:
        position = file.resume() if file is not None and fit.settings.resume else None
        rule.resumed = position is not None
        rule.seconds_before = rule.history.seconds
        self._history = rule.history
        self._loop = EpochLoop(
            batches,
            rule,
            fit.settings.epochs,
            fit.callbacks,
            fit.deadline,
            interrupts,
            file=file,
            position=position,
            seconds_before=rule.history.seconds,
        )

    def run(self) -> History:
        """Train."""
        self._loop.run()
        return self._history


def _now(clock: Callable[[], Any]) -> float:
    """What the clock says, if it says seconds."""
    wrong = SettingError(
        "not a function that gives seconds", where="fit.clock", given=repr(clock)[:80]
    )
    if not callable(clock):
        raise wrong
    try:
        seconds = clock()
    except TypeError as error:
        raise wrong from error
    if not isinstance(seconds, Real):
        raise wrong
    return float(seconds)


def _check_ways(checkpoint: object, resume: bool) -> None:
    """Where a state is kept."""
    if checkpoint is not None and not (
        isinstance(checkpoint, str | os.PathLike) and Path(checkpoint).name
    ):
        raise SettingError(
            "not the path of a file", where="fit.checkpoint", given=repr(checkpoint)[:80]
        )
    if resume and checkpoint is None:
        raise SettingError(
            "nothing to resume from", where="fit.resume", hint="name the checkpoint file"
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
            TRAINING_METHODS,
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


def _hash_of(rows: TrainingData, held_out: TrainingData | None) -> str:
    arrays = [*rows.inputs, rows.target, rows.weights]
    if held_out is not None:
        arrays += [*held_out.inputs, held_out.target, held_out.weights]
    return data_hash(arrays)
