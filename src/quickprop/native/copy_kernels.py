"""Kernels that set the whole memory of what has no rows: from other memory, or to one number."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Op, Tensor
from quickprop.native.buffers import Buffer, view_root
from quickprop.native.copying import copy_bytes
from quickprop.native.elementwise import ELEMENT, constant_number
from quickprop.native.ir import FunctionWriter, Value, int64, literal
from quickprop.native.kept import is_inline_number
from quickprop.native.kernel import Kernel, KernelWriter
from quickprop.native.layout import layout_of


@dataclass(frozen=True)
class CopyKernel(Kernel):
    """Copies a buffer to one of the same layout."""

    source: Buffer
    target: Buffer

    @property
    def results(self) -> tuple[Buffer, ...]:
        """The target."""
        return (self.target,)

    @property
    def can_be_shared(self) -> bool:
        """No: it is done seldom."""
        return False

    def write(self, writer: KernelWriter) -> None:
        """One copy."""
        layout = self.target.layout
        assert layout is not None
        target = writer.pointer(self.target)
        size = int64(layout.size * self.target.dtype.itemsize)
        copy_bytes(writer.writer, target, writer.pointer(self.source), size)


@dataclass(frozen=True)
class FillKernel(Kernel):
    """Fills a tensor's memory with a number that is computed on the spot."""

    number: Tensor
    target: Tensor

    @property
    def results(self) -> tuple[Tensor, ...]:
        """The target."""
        return (self.target,)

    @property
    def can_be_shared(self) -> bool:
        """No: it is done seldom."""
        return False

    def write(self, writer: KernelWriter) -> None:
        """Lines stay padded with zeros."""
        w, target = writer.writer, self.target
        layout, element = layout_of(target.shape, target.dtype), ELEMENT[target.dtype]
        pointer = writer.pointer(target)
        value = number_value(w, self.number, writer.rows())
        with (
            w.loop(int64(0), int64(layout.lines_per_row), int64(1)) as line,
            w.loop(int64(0), int64(layout.width), int64(1)) as column,
        ):
            at = w.add(w.mul(line, int64(layout.stride)), column)
            w.store(value, w.offset(pointer, at, element))


def is_number(node: Tensor) -> bool:
    """True for what is written as one number: constants of one number, the number of rows."""
    return is_inline_number(node) or constant_number(view_root(node)) is not None


def number_value(w: FunctionWriter, node: Tensor, rows: Value) -> Value:
    """The value of a node that is one number."""
    number = constant_number(node)
    while number is None and node.op in (Op.RESHAPE, Op.BROADCAST):
        node = node.inputs[0]
        number = constant_number(node)
    if number is not None:
        return literal(number, ELEMENT[node.dtype])
    return w.convert("sitofp", rows, ELEMENT[node.dtype])
