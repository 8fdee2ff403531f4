"""Which weights a fit keeps: those whose loss is lowest, and that loss is what it reports."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from quickprop.foundation.deadline import Deadline
from quickprop.nn import Network
from quickprop.train.evaluation import Evaluation
from quickprop.train.history import EpochRecord, History
from quickprop.train.weight_copy import WeightCopy


class BestWeights(ABC):
    """The weights to keep. The starting ones are a candidate as those of every epoch are.

    Parameters
    ----------
    network : Network
    history : History
        Its `best_epoch` and `kept_loss` are kept up to date.
    """

    def __init__(self, network: Network, history: History) -> None:
        self.network, self.history = network, history
        #: The lowest loss that was watched so far.
        self.lowest = math.inf

    @property
    @abstractmethod
    def copies(self) -> Mapping[str, WeightCopy]:
        """All that is remembered, by name; the same names for fits of the same settings."""

    @abstractmethod
    def begin(self) -> None:
        """Before the first epoch."""

    @abstractmethod
    def take(self, record: EpochRecord) -> bool:
        """Take in an epoch, or what was made of it; False when its weights are not finite."""

    @abstractmethod
    def settle(self, current: bool) -> None:
        """Put the weights to keep in place.

        Parameters
        ----------
        current : bool
            Whether the weights of now may be kept; not when they have diverged.
        """

    @abstractmethod
    def seconds_at_end(self) -> float | None:
        """What `settle` needs; None when that is not known."""

    def _keep(self, copy: WeightCopy, loss: float | None) -> None:
        copy.put_back()
        self.history.best_epoch = copy.epoch or 0
        if loss is not None and math.isfinite(loss):
            self.history.kept_loss = loss


class BestByValidation(BestWeights):
    """Those with the lowest validation loss, which is known after every epoch."""

    def __init__(self, network: Network, history: History, evaluation: Evaluation) -> None:
        super().__init__(network, history)
        self._evaluation = evaluation
        self._best = WeightCopy(network)

    @property
    def copies(self) -> Mapping[str, WeightCopy]:
        """One."""
        return {"best": self._best}

    def begin(self) -> None:
        """The starting weights are the best so far."""
        self._best.hold(0, self.network.weights())
        loss = self._evaluation()
        if math.isfinite(loss):
            self.lowest = self.history.kept_loss = loss

    def take(self, record: EpochRecord) -> bool:
        """The first of equal losses is kept."""
        loss = record.watched_loss
        if not loss < self.lowest:
            return True
        if not self._best.take(record.epoch):
            return False
        self.lowest = self.history.kept_loss = loss
        self.history.best_epoch = record.epoch
        return True

    def settle(self, current: bool) -> None:
        """As it stands."""
        self._keep(self._best, self.history.kept_loss)

    def seconds_at_end(self) -> float:
        """All is known."""
        return 0.0


class LastWeights(BestWeights):
    """Those after the last epoch, whatever their loss: the rate was let down for them.

    Nothing is measured, so nothing chooses among epochs by rows that were learned from.
    """

    def __init__(self, network: Network, history: History) -> None:
        super().__init__(network, history)
        self._last = WeightCopy(network)

    @property
    def copies(self) -> Mapping[str, WeightCopy]:
        """One."""
        return {"last": self._last}

    def begin(self) -> None:
        """The starting weights, until there are others."""
        self._last.hold(0, self.network.weights())

    def take(self, record: EpochRecord) -> bool:
        """Every epoch's that are finite."""
        if not self._last.take(record.epoch):
            return False
        self.history.best_epoch = record.epoch
        return True

    def settle(self, current: bool) -> None:
        """Those of now, or of the last epoch before they diverged."""
        self._keep(self._last, None)

    def seconds_at_end(self) -> float:
        """Nothing is measured."""
        return 0.0


class BestByTraining(BestWeights):
    """Those with the lowest loss on the training rows themselves.

    The loss of an epoch is the mean over its steps, of each before it changed the weights: that of
    no weights in particular. To measure it after every epoch would cost a third of an epoch more.
    So the means choose, and what they have chosen is measured once when the fit has ended, beside
    the weights of the start and of the end. An epoch of a single step is different: its loss is
    that of the weights before it.

    Parameters
    ----------
    measure : TrainingLoss
    single : bool
        Whether an epoch is a single step, whose loss is exactly that of the weights before it.
    deadline : Deadline
        Later than that nothing is measured.
    """

    def __init__(
        self,
        network: Network,
        history: History,
        measure: TrainingLoss,
        single: bool,
        deadline: Deadline,
    ) -> None:
        super().__init__(network, history)
        self._measure, self._single, self._deadline = measure, single, deadline
        self._start, self._best, self._last = (WeightCopy(network) for _ in range(3))

    @property
    def copies(self) -> Mapping[str, WeightCopy]:
        """The best so far, and those before the next step or of the start."""
        return {
            "best": self._best,
            **({"last": self._last} if self._single else {"start": self._start}),
        }

    def begin(self) -> None:
        """The starting weights are all that there is."""
        weights = self.network.weights()
        for copy in self.copies.values():
            copy.hold(0, weights)
        self._measure.prepare()

    def take(self, record: EpochRecord) -> bool:
        """Among equal losses the last has learned most."""
        whole = record.fraction == 1.0
        better = record.train_loss <= self.lowest and (whole or record.epoch == 1)
        if self._single:
            if better:
                self._best, self._last = self._last, self._best
            if not self._last.take(record.epoch):
                return False
        elif better and not self._best.take(record.epoch):
            return False
        if better:
            self.lowest = record.train_loss
            self.history.best_epoch = self._best.epoch or 0
        return True

    def settle(self, current: bool) -> None:
        """Measure the candidates, the latest first."""
        done = len(self.history.epochs)
        candidates = []
        if current and done and self._last.take(done):
            candidates.append(self._last)
        candidates.append(self._best)
        if not self._single:
            candidates.append(self._start)
        found: tuple[float, WeightCopy] | None = None
        seen: set[int | None] = set()
        for copy in candidates if done else ():
            if copy.epoch in seen or self._deadline.over:
                continue
            seen.add(copy.epoch)
            copy.put_back()
            loss = self._measure(self._deadline)
            if loss is not None and math.isfinite(loss) and (found is None or loss < found[0]):
                found = loss, copy
        if found is not None:
            self._keep(found[1], found[0])
        else:
            self._keep(self._best, None)

    def seconds_at_end(self) -> float | None:
        """Not known before it was done once."""
        return None


class TrainingLoss:
    """The loss on the training rows, by code that is compiled while the fit is under way.

    Few numbers are worked out by the NumPy interpreter: to compile code would take longer.

    Parameters
    ----------
    make : callable
        Makes the evaluation for a backend; for the native one in a thread of its own.
    few : bool
        Whether there are few numbers.
    """

    def __init__(self, make: Callable[[str], Evaluation], few: bool) -> None:
        self._make, self._few = make, few
        self._made: list[Evaluation] = []
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Begin to compile, if there is anything to compile."""
        if self._few:
            return
        # The process does not wait for it when it ends.
        self._thread = threading.Thread(target=self._compile, daemon=True)
        self._thread.start()

    def _compile(self) -> None:
        self._made.append(self._make("native"))

    def __call__(self, deadline: Deadline) -> float | None:
        """The loss with the weights of now, or None when there is no time for it."""
        if not self._made and self._few:
            self._made.append(self._make("reference"))
        if self._thread is not None:
            self._thread.join(deadline.left if deadline.limited else None)
        if not self._made:
            return None
        return self._made[0].unless(lambda: deadline.over)
