"""Products of two stacks of matrices: the kernel of one product, in a loop over the stack.

Threads share the stack, never a product, so that the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from quickprop.graph import Op, Tensor, make, placeholder
from quickprop.native.buffers import Buffer, scratch
from quickprop.native.elementwise import ELEMENT
from quickprop.native.gemm.packing import needs_packing, write_pack
from quickprop.native.gemm.product import ProductKernel
from quickprop.native.gemm.tiles import line_count
from quickprop.native.ir import Value, int64
from quickprop.native.kernel import Kernel, KernelWriter, Memory
from quickprop.native.layout import layout_of
from quickprop.native.machine import Machine


def item_product(node: Tensor) -> Tensor:
    """The product of one pair of matrices of the stacks."""
    a, b = (placeholder(x.shape[-2:], x.dtype) for x in node.inputs)
    return make(Op.MATMUL, a, b, **dict(node.attributes))


def _panel_numbers(item: Tensor) -> int:
    """Numbers of a product's B when it is packed into panels."""
    a, turned = item.inputs[0].shape, item.attribute("transpose_a")
    depth = (a[0] if turned else a[1]) or 1
    return depth * layout_of(item.shape, item.dtype).stride


@dataclass(frozen=True)
class BatchProductKernel(Kernel):
    """All products of the stack, one after the other.

    Parameters
    ----------
    node : Tensor
        The BATCH_MATMUL node.
    item : Tensor
        The product of one pair of matrices.
    panels : Buffer or None
        Room for packed panels: of one product, or of each where threads share the stack.
    """

    node: Tensor
    item: Tensor
    panels: Buffer | None

    @classmethod
    def of(cls, node: Tensor, machine: Machine, *, threaded: bool) -> BatchProductKernel:
        """The kernel of a node, with memory for panels if it needs them."""
        item = item_product(node)
        if not needs_packing(item, machine):
            return cls(node, item, None)
        numbers = _panel_numbers(item)
        shape = (*node.shape[:-2], numbers) if threaded else (numbers,)
        return cls(node, item, scratch("panels", shape, node.dtype))

    @property
    def results(self) -> tuple[Memory, ...]:
        """The products, and the panels on the way to them."""
        return (self.node,) if self.panels is None else (self.node, self.panels)

    @property
    def can_be_shared(self) -> bool:
        """Product by product."""
        return True

    def write(self, writer: KernelWriter) -> None:
        """The loop over the stack."""
        item, node = self.item, self.node
        parts = dict(zip(item.inputs, node.inputs, strict=True))
        parts[item] = node
        with self._each_item(writer) as at:
            places: dict[Memory, Value] = {
                inner: _item_at(writer, outer, inner, at) for inner, outer in parts.items()
            }
            if self.panels is not None:
                places[self.panels] = self._panels_of(writer, at, self.panels)
            one = writer.inside(places)
            if self.panels is not None:
                write_pack(one, item, self.panels)
            layout = layout_of(item.inputs[0].shape, item.dtype)
            is_leaf = places.__contains__
            ProductKernel(item, layout, 1, (item,), is_leaf, self.panels).write(one)

    def _panels_of(self, writer: KernelWriter, at: Value, panels: Buffer) -> Value:
        """Where the panels of a product are."""
        pointer = writer.pointer(panels)
        if not writer.shared:
            return pointer
        place = writer.writer.mul(at, int64(_panel_numbers(self.item)))
        return writer.writer.offset(pointer, place, ELEMENT[self.node.dtype])

    @contextmanager
    def _each_item(self, writer: KernelWriter) -> Iterator[Value]:
        """A loop over the products that are ours."""
        lines, per_item = line_count(writer, self.node), self.node.shape[-2] or 1
        begin, end = writer.share(writer.writer.binary("udiv", lines, int64(per_item)))
        with writer.writer.loop(begin, end, int64(1)) as at:
            yield at


def _item_at(writer: KernelWriter, stack: Tensor, item: Tensor, at: Value) -> Value:
    """Where a matrix of a stack lies."""
    step = int64(layout_of(item.shape, item.dtype).size)
    place = writer.writer.mul(at, step)
    return writer.writer.offset(writer.pointer(stack), place, ELEMENT[item.dtype])
