"""Buffers: the memory that kernels read and write, how it is laid out, and where it is.

A kernel knows buffers only, not offsets: where they are is decided when all kernels are written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from quickprop.config import DType
from quickprop.graph import Op, Shape, Tensor
from quickprop.native.elementwise import ELEMENT
from quickprop.native.ir import FunctionWriter, Value, int64, literal
from quickprop.native.layout import ALIGNMENT, Layout, is_view, layout_of

TABLE, ARENA, CAPACITY = Value("%table", "ptr"), Value("%arena", "ptr"), Value("%capacity", "i64")
#: The memory of what has no rows ends at a multiple of so many numbers: loops may run over by a
#: vector.
TAIL = 16


class Location(ABC):
    """Where a buffer is."""

    @abstractmethod
    def pointer(self, w: FunctionWriter) -> Value:
        """Its address, in a function that is given the table, the arena and its capacity."""


@dataclass(frozen=True)
class FixedPart(Location):
    """So many bytes after the beginning of the arena."""

    offset: int

    def pointer(self, w: FunctionWriter) -> Value:
        """Its address."""
        return w.offset(ARENA, int64(self.offset), "i8")


@dataclass(frozen=True)
class RowsPart(Location):
    """In the part of the arena that grows with the rows: `start` bytes in, then `offset` a row."""

    start: int
    offset: int

    def pointer(self, w: FunctionWriter) -> Value:
        """Its address."""
        base = w.offset(ARENA, int64(self.start), "i8")
        return w.offset(base, w.mul(CAPACITY, int64(self.offset)), "i8")


@dataclass(frozen=True)
class TableSlot(Location):
    """Where a slot of the table points to."""

    slot: int

    def pointer(self, w: FunctionWriter) -> Value:
        """Its address."""
        return w.load(w.offset(TABLE, int64(self.slot), "ptr"), "ptr")


@dataclass(frozen=True)
class RowsOfInput(Location):
    """The rows of an input, read where the caller has them: an argument of the function."""

    position: int

    @property
    def name(self) -> str:
        """Of the argument."""
        return f"in{self.position}"

    def pointer(self, w: FunctionWriter) -> Value:
        """Its address."""
        return Value(f"%{self.name}", "ptr")


@dataclass(frozen=True)
class ConstantData(Location):
    """A constant of the module."""

    symbol: str

    def pointer(self, w: FunctionWriter) -> Value:
        """Its address."""
        return Value(f"@{self.symbol}", "ptr")


@dataclass(eq=False)
class Buffer:
    """A piece of memory.

    Parameters
    ----------
    name : str
        For whoever reads a plan.
    dtype : DType
    layout : Layout or None
        None for memory of the caller's, of whatever size.
    location : Location or None
        None until it is given a place in the arena.
    given : bool
        It holds its numbers before the first step.
    needed : bool
        It must hold its numbers after the last step.
    """

    name: str
    dtype: DType
    layout: Layout | None = None
    location: Location | None = None
    given: bool = False
    needed: bool = False

    @property
    def has_rows(self) -> bool:
        """Whether it grows with the rows of a call."""
        return self.layout is not None and self.layout.rows

    @property
    def size(self) -> int:
        """Bytes in all, or for each row."""
        assert self.layout is not None
        numbers = self.layout.size
        if not self.layout.rows:
            numbers = -(-numbers // TAIL) * TAIL
        return numbers * self.dtype.itemsize

    def pointer(self, w: FunctionWriter) -> Value:
        """Its address, when it has a place."""
        assert self.location is not None, f"{self.name} has no place"
        return self.location.pointer(w)


def view_root(node: Tensor) -> Tensor:
    """The node whose memory a view shows, else the node itself."""
    while node.op is Op.RESHAPE and is_view(node.inputs[0].shape, node.shape, node.dtype):
        node = node.inputs[0]
    return node


class Buffers:
    """The buffers of a graph's tensors; those of constants come with the text of their numbers.

    Parameters
    ----------
    unpadded : frozenset of Tensor
        Inputs whose lines lie as NumPy has them.
    """

    def __init__(self, unpadded: frozenset[Tensor] = frozenset()) -> None:
        self._unpadded = unpadded
        self._roots: dict[Tensor, Tensor] = {}
        self._of: dict[Tensor, Buffer] = {}
        self.constants: list[str] = []

    def of(self, node: Tensor) -> Buffer:
        """The buffer of a tensor, or of what it is a view of."""
        root = self._roots.get(node)
        if root is None:
            root = self._roots[node] = view_root(node)
        found = self._of.get(root)
        if found is None:
            layout = layout_of(root.shape, root.dtype, dense=root in self._unpadded)
            found = self._of[root] = Buffer(root.name or root.op.value, root.dtype, layout)
            if root.op is Op.CONSTANT:
                name = f"c{len(self.constants)}"
                self.constants.append(_constant_text(name, root))
                found.location = ConstantData(name)
        return found

    def find(self, node: Tensor) -> Buffer | None:
        """The buffer of a tensor, if any kernel has asked for it."""
        return self._of.get(view_root(node))


def scratch(name: str, shape: Shape, dtype: DType) -> Buffer:
    """Memory that holds no tensor of the graph."""
    return Buffer(name, dtype, layout_of(shape, dtype))


def _constant_text(name: str, node: Tensor) -> str:
    """A constant as a global of the module, padded."""
    layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
    flat = node.attribute("value").reshape(layout.lines_per_row, layout.width)
    numbers = []
    for line in flat.tolist():
        numbers += line + [0] * (layout.stride - layout.width)
    numbers += [0] * (-len(numbers) % TAIL)
    body = ", ".join(f"{element} {literal(number, element).text}" for number in numbers)
    kind = f"[{len(numbers)} x {element}]"
    return f"@{name} = internal constant {kind} [{body}], align {ALIGNMENT}"
