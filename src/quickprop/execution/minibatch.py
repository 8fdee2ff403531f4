"""A training step, run over mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, Protocol

import numpy as np

from quickprop import config
from quickprop.errors import GraphError, SettingError
from quickprop.execution.checks import as_all_rows, as_mapping
from quickprop.foundation.settings import integer, optional
from quickprop.graph import Graph, Tensor
from quickprop.native import CsrMatrix, NativeMinibatches, Rows
from quickprop.ops.permutation import permutation
from quickprop.ops.reference import evaluate
from quickprop.passes import optimise

_COUNT = integer(0, 2**63 - 1)
#: What a number of steps may be. That an `int` is an `Integral` takes longer to find out.
_WHOLE = (int, Integral)


class _Steps(Protocol):
    order: np.ndarray

    def bind(self, data: Mapping[Tensor, Rows]) -> None: ...
    def shuffle(self, seed: int, epoch: int) -> None: ...
    def shuffler(self, random: np.random.RandomState) -> Callable[[], None]: ...
    def run(
        self, first_step: int, steps: int, scalars: Mapping[Tensor, float | int], total: float
    ) -> float: ...


class _ReferenceMinibatches:
    """Mini-batches run by the NumPy interpreter."""

    def __init__(
        self, graph: Graph, data: Mapping[Tensor, Rows], batch_size: int, passes: int = 1
    ) -> None:
        self.graph, self.data, self.batch_size = graph, dict(data), batch_size
        rows = len(next(iter(data.values())))
        self.order = np.tile(np.arange(rows, dtype=np.int32), passes)

    def bind(self, data: Mapping[Tensor, Rows]) -> None:
        """Other numbers for some of the inputs with rows."""
        self.data |= data

    def shuffle(self, seed: int, epoch: int) -> None:
        """Put the rows into the order of that epoch."""
        self.order[...] = permutation(len(self.order), seed, epoch)

    def shuffler(self, random: np.random.RandomState) -> Callable[[], None]:
        """What shuffles the order of now as `random` would, each time it is called."""
        return lambda: random.shuffle(self.order)

    def run(
        self, first_step: int, steps: int, scalars: Mapping[Tensor, float | int], total: float
    ) -> float:
        """Run some mini-batches; returns the total with the sum of loss times rows."""
        for step in range(first_step, first_step + steps):
            rows = self.order[step * self.batch_size : (step + 1) * self.batch_size]
            feeds = {
                leaf: array.dense(rows) if isinstance(array, CsrMatrix) else array[rows]
                for leaf, array in self.data.items()
            }
            feeds |= {leaf: np.asarray(value) for leaf, value in scalars.items()}
            outputs, updates = evaluate(self.graph, feeds)
            for (variable, _), new in zip(self.graph.updates, updates, strict=True):
                variable.attribute("storage").array[...] = new
            total += float(outputs[0]) * len(rows)
        return total


class Minibatches:
    """A training step bound to the rows it learns from.

    Parameters
    ----------
    graph : Graph
        ``outputs[0]`` is the loss, the mean over the rows of a batch. Updates are applied at every
        step.
    data : mapping of Tensor to array
        All rows for each input that has a rows axis. SciPy's sparse arrays stay sparse; a whole
        array of mostly zeros is made so when that is quicker.
    batch_size : int
        Rows in a mini-batch; the last one of an epoch may be short.
    backend : {"native", "reference"}, optional
    threads : int, optional
        The most threads to use.
    passes : int
        How often the rows come in an epoch, one pass after the other: a step that takes all rows
        can then be made many times in one call. Such an epoch is not shuffled.

    Examples
    --------
    >>> from quickprop import Minibatches, mean, placeholder
    >>> from quickprop.graph import Graph
    >>> x = placeholder((None,))
    >>> batches = Minibatches(Graph((x,), (mean(x),)), {x: [1.0, 2.0, 3.0, 4.0]}, batch_size=2)
    >>> batches.steps_per_epoch
    2
    """

    def __init__(
        self,
        graph: Graph,
        data: Mapping[Tensor, Any],
        batch_size: int,
        *,
        backend: str | None = None,
        threads: int | None = None,
        passes: int = 1,
    ) -> None:
        self.backend = config.backend_of(backend, "Minibatches.backend")
        if not isinstance(graph, Graph):
            raise GraphError("not a graph", where="Minibatches.graph", given=repr(graph)[:80])
        if not graph.outputs:
            raise GraphError("no loss", where="Minibatches.graph", allowed="outputs[0] is the loss")
        count = integer(1)
        batch_size = count.checked(batch_size, "batch_size")
        passes = count.checked(passes, "passes")
        threads = optional(count).checked(threads, "threads")
        data = as_mapping(data, "data", graph.inputs)
        with_rows = [leaf for leaf in graph.inputs if leaf.shape and leaf.shape[0] is None]
        missing = [leaf for leaf in with_rows if leaf not in data]
        if missing or not with_rows:
            raise GraphError(
                "an input with rows has no data" if missing else "no input has a rows axis",
                where=repr(missing[0]) if missing else "mini-batches",
            )
        arrays = as_all_rows(with_rows, [data[leaf] for leaf in with_rows])
        self.batch_size = min(batch_size, len(arrays[0]))
        self.rows = len(arrays[0]) * passes
        self.graph = optimise(graph)
        bound = dict(zip(with_rows, arrays, strict=True))
        self._without_rows = {leaf for leaf in graph.inputs if leaf not in with_rows}
        self._steps: _Steps
        if self.backend == "native":
            self._steps = NativeMinibatches(self.graph, bound, self.batch_size, threads, passes)
        else:
            self._steps = _ReferenceMinibatches(self.graph, bound, self.batch_size, passes)

    @property
    def steps_per_epoch(self) -> int:
        """Mini-batches in one pass over the rows."""
        return -(-self.rows // self.batch_size)

    @property
    def order(self) -> np.ndarray:
        """Row numbers in the order they are visited, int32 [rows]."""
        return self._steps.order

    def bind(self, data: Mapping[Tensor, Any]) -> None:
        """Take other numbers for some of the inputs with rows from now on, as many rows as before.

        Raises
        ------
        ShapeError, DTypeError, GraphError
            When an array does not fit, or is for an input that the graph does not have.
        """
        data = as_mapping(data, "data", self.graph.inputs)
        arrays = as_all_rows(list(data), list(data.values()))
        for leaf, array in zip(data, arrays, strict=True):
            if len(array) != self.rows:
                raise GraphError(
                    "rows that the graph does not take",
                    where=repr(leaf),
                    allowed=f"{self.rows} rows for one of its inputs",
                    given=f"{len(array)} rows",
                )
        self._steps.bind(dict(zip(data, arrays, strict=True)))

    def shuffle(self, seed: int, epoch: int) -> None:
        """Put the rows into the order of that epoch, the same on every backend.

        Raises
        ------
        SettingError
            When seed or epoch is not a whole number of at least 0.
        """
        seed, epoch = _COUNT.checked(seed, "seed"), _COUNT.checked(epoch, "epoch")
        self._steps.shuffle(seed, epoch)

    def shuffler(self, random: np.random.RandomState) -> Callable[[], None]:
        """What does as ``random.shuffle(self.order)``, each time it is called, but quicker.

        Raises
        ------
        SettingError
            When it is not a RandomState.
        """
        if not isinstance(random, np.random.RandomState):
            raise SettingError(
                "not a source of random numbers",
                where="random",
                allowed="numpy.random.RandomState",
                given=repr(random)[:80],
            )
        return self._steps.shuffler(random)

    def run(
        self,
        first_step: int,
        steps: int,
        scalars: Mapping[Tensor, float | int],
        total: float = 0.0,
    ) -> float:
        """Run mini-batches `first_step` to `first_step + steps` of the current order.

        Parameters
        ----------
        scalars : mapping of Tensor to number
            A value for each input without rows.
        total : float
            What an earlier call for the same epoch returned. An epoch's sum is then the same to the
            last bit however it is cut into calls.

        Returns
        -------
        float
            The total, to which the loss of each of these batches times its rows was added.
        """
        per_epoch = self.steps_per_epoch
        if not (
            isinstance(first_step, _WHOLE)
            and isinstance(steps, _WHOLE)
            and 0 <= first_step < per_epoch
            and steps >= 0
        ):
            raise SettingError(
                "steps that the epoch does not have",
                where="Minibatches.run",
                allowed=f"from 0 on, {per_epoch} of them",
                given=f"{steps!r:.20} steps from {first_step!r:.20} on",
            )
        if scalars.keys() != self._without_rows:
            as_mapping(scalars, "scalars", [*self._without_rows])
        steps = min(steps, per_epoch - first_step)
        return self._steps.run(first_step, steps, scalars, total)
