"""A network as a table: layers, shapes, parameters, and the memory it runs in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.errors import GraphError
from quickprop.foundation.settings import integer
from quickprop.graph import Graph, Tensor, placeholder, variable, walk
from quickprop.native import arena_bytes
from quickprop.nn.built_layer import BuiltLayer
from quickprop.nn.built_network import BuiltNetwork
from quickprop.ops.elementary import mean, square
from quickprop.passes import optimise

_ROWS = integer(1, 2**24)
#: Settings that say how a layer starts and not what it is.
_LEFT_OUT = ("kind", "initializer")


@dataclass(frozen=True)
class SummaryRow:
    """A layer of the table.

    Parameters
    ----------
    name : str
    kind : str
        With its settings.
    sources : tuple of str
        What it reads.
    shape : tuple of int
        Of one row of its result.
    parameters : int
        How many numbers are learned.
    """

    name: str
    kind: str
    sources: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Summary:
    """What a network consists of. Printed, it is a table.

    Parameters
    ----------
    layers : tuple of SummaryRow
    rows : int
        The number of rows that the memory is for.
    parameter_bytes : int
        What the learned numbers take by themselves.
    forward_bytes : int
        Working memory of the compiled forward pass, as the planner has it.
    training_bytes : int or None
        The same of a step of training: forward, backward, gradients, update. None when the network
        cannot be trained.
    inputs, outputs : tuple of str
        The columns and what comes out, where they were given names.

    Examples
    --------
    >>> from quickprop import Dense, Network, Summary
    >>> summary = Network([Dense(16), Dense(1)], features=4).summary(rows=32)
    >>> isinstance(summary, Summary), summary.parameter_count
    (True, 97)
    """

    layers: tuple[SummaryRow, ...]
    rows: int
    parameter_bytes: int
    forward_bytes: int
    training_bytes: int | None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def parameter_count(self) -> int:
        """How many numbers are learned."""
        return sum(layer.parameters for layer in self.layers)

    def __str__(self) -> str:
        table = [("layer", "kind", "reads", "output", "parameters")]
        for layer in self.layers:
            shape = " x ".join(map(str, layer.shape))
            count = f"{layer.parameters:,}"
            table.append((layer.name, layer.kind, ", ".join(layer.sources), shape, count))
        table.append(("total", "", "", "", f"{self.parameter_count:,}"))
        if self._in_a_row():
            table = [(a, b, "", d, e) for a, b, _, d, e in table]
        lines = _aligned(table, "<<<>>")
        training = "cannot be trained" if self.training_bytes is None else size(self.training_bytes)
        memory = [
            ("parameters", size(self.parameter_bytes)),
            ("forward pass", size(self.forward_bytes)),
            ("training step", training),
        ]
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        named = [
            (what, ", ".join(names))
            for what, names in (("inputs", self.inputs), ("outputs", self.outputs))
            if names
        ]
        if named:
            lines += ["", *_aligned(named, "<<")]
        return "\n".join([*lines, "", f"memory for {rows}", *_aligned(memory, "<>")])

    def __repr__(self) -> str:
        return str(self)

    def _in_a_row(self) -> bool:
        """Whether each layer reads the one before it, so that this need not be said."""
        names = [layer.name for layer in self.layers]
        return all(
            later.sources == (name,) for name, later in zip(names, self.layers[1:], strict=False)
        )


def summary(network: BuiltNetwork, rows: int = 32) -> Summary:
    """The table of a network.

    Parameters
    ----------
    network : BuiltNetwork
    rows : int
        The number of rows to plan memory for: those of a call of `predict`, and those of a
        mini-batch. `predict` works through many rows in chunks, so that its memory stops growing.

    Returns
    -------
    Summary
    """
    rows = _ROWS.checked(rows, "summary.rows")
    forward = Graph(network.inputs, network.results())
    return Summary(
        tuple(_row(placed) for placed in network.layers),
        rows,
        sum(p.value.nbytes for p in network.parameters),
        arena_bytes(optimise(forward), rows),
        _training_bytes(network, rows),
        _columns(network),
        network.output_names or (),
    )


def _columns(network: BuiltNetwork) -> tuple[str, ...]:
    """The names of all columns, categories with their number of levels."""
    names = network.architecture.names
    categories = [
        f"{name} ({levels} levels)"
        for name, levels in zip(names.categories or (), network.categories, strict=False)
    ]
    return (*(names.inputs or ()), *categories)


def _training_bytes(network: BuiltNetwork, rows: int) -> int | None:
    """Working memory of plain gradient descent on squared errors."""
    seed = placeholder((), DType.int32, "seed")
    step = variable(0, DType.int32, "step")
    rate = placeholder((), network.dtype, "rate")
    updates: list[tuple[Tensor, Tensor]] = []
    try:
        outputs = network.results(True, seed, step, updates=updates)
    except GraphError:
        return None
    targets = [placeholder(x.shape, network.dtype, "target") for x in outputs]
    loss = mean(square(outputs[0] - targets[0]))
    for x, target in zip(outputs[1:], targets[1:], strict=True):
        loss = loss + mean(square(x - target))
    derivatives = gradients(loss, network.parameters)
    updates += [(p, p - dp * rate) for p, dp in zip(network.parameters, derivatives, strict=True)]
    used = set(walk([loss, *(new for _, new in updates)]))
    leaves = (*network.inputs, *targets, rate, seed)
    inputs = tuple(leaf for leaf in leaves if leaf in used or leaf.shape != ())
    graph = Graph(inputs, (loss,), tuple(updates))
    return arena_bytes(optimise(graph), rows, epoch=True)


def _row(placed: BuiltLayer) -> SummaryRow:
    settings = [
        f"{key}={_short(value)}"
        for key, value in placed.layer.to_document().items()
        if key not in _LEFT_OUT and value is not None and not isinstance(value, dict)
    ]
    kind = f"{type(placed.layer).__name__}({', '.join(settings)})"
    return SummaryRow(
        placed.name, kind, placed.sources, placed.output_shape, placed.parameter_count
    )


def _short(value: Any) -> str:
    """A setting; of a long list its length."""
    if isinstance(value, list):
        return str(value) if len(value) <= 4 else f"[{len(value)} items]"
    return str(value)


def size(count: int) -> str:
    """Bytes in words: 1 KiB is 1024 bytes."""
    number = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{count:,} bytes" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1024
    return f"{number:,.1f} GiB"


def _aligned(table: Sequence[tuple[str, ...]], sides: str) -> list[str]:
    """Lines of columns, each to its side; columns without text are left out."""
    widths = [max(len(row[k]) for row in table) for k in range(len(sides))]
    return [
        "  ".join(
            f"{text:{side}{width}}"
            for text, side, width in zip(row, sides, widths, strict=True)
            if width
        ).rstrip()
        for row in table
    ]
