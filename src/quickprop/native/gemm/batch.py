"""Products of two stacks of matrices: the kernel of one product, in a loop over the stack.

Threads share the stack, never a product, so that the number of threads changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from quickprop.graph import Op, Shape, Tensor, make, placeholder
from quickprop.native.elementwise import ELEMENT
from quickprop.native.gemm.product import (
    Product,
    line_count,
    needs_packing,
    write_pack,
    write_product,
)
from quickprop.native.ir import Value, int64
from quickprop.native.layout import layout_of
from quickprop.native.rowwise import KernelWriter


def item_product(node: Tensor) -> Tensor:
    """The product of one pair of matrices of the stacks."""
    a, b = (placeholder(x.shape[-2:], x.dtype) for x in node.inputs)
    return make(Op.MATMUL, a, b, **dict(node.attributes))


def panel_numbers(node: Tensor, kernel: KernelWriter) -> int:
    """Numbers of a product's B when it is packed into panels; 0 when it is read where it lies."""
    item = item_product(node)
    if not needs_packing(item, kernel.machine):
        return 0
    a, turned = item.inputs[0].shape, item.attribute("transpose_a")
    depth = (a[0] if turned else a[1]) or 1
    return depth * layout_of(item.shape, item.dtype).stride


def panels_shape(node: Tensor, kernel: KernelWriter) -> Shape | None:
    """The shape of the memory for packed panels: for each product its own where threads share."""
    numbers = panel_numbers(node, kernel)
    if not numbers:
        return None
    return (*node.shape[:-2], numbers) if kernel.shared else (numbers,)


def write_batch_product(kernel: KernelWriter, node: Tensor, panels: Tensor | None) -> None:
    """All products of the stack, one after the other.

    Parameters
    ----------
    panels : Tensor or None
        Stands for memory of the shape that `panels_shape` gives.
    """
    item = item_product(node)
    parts = dict(zip(item.inputs, node.inputs, strict=True))
    parts[item] = node
    with _each_item(kernel, node) as at:
        places = {inner: _item_at(kernel, outer, inner, at) for inner, outer in parts.items()}
        if panels is not None:
            places[panels] = kernel.pointer(panels)
            if kernel.shared:
                step = int64(panel_numbers(node, kernel))
                place = kernel.writer.mul(at, step)
                places[panels] = kernel.writer.offset(places[panels], place, ELEMENT[node.dtype])
        one = kernel.inside(places)
        if panels is not None:
            write_pack(one, item, panels)
        layout = layout_of(item.inputs[0].shape, item.dtype)
        write_product(one, Product(item, layout, 1), panels, [item], places.__contains__)


@contextmanager
def _each_item(kernel: KernelWriter, node: Tensor) -> Iterator[Value]:
    """A loop over the products that are ours."""
    lines, per_item = line_count(kernel, node), node.shape[-2] or 1
    begin, end = kernel.share(kernel.writer.binary("udiv", lines, int64(per_item)))
    with kernel.writer.loop(begin, end, int64(1)) as at:
        yield at


def _item_at(kernel: KernelWriter, stack: Tensor, item: Tensor, at: Value) -> Value:
    """Where a matrix of a stack lies."""
    step = int64(layout_of(item.shape, item.dtype).size)
    place = kernel.writer.mul(at, step)
    return kernel.writer.offset(kernel.pointer(stack), place, ELEMENT[item.dtype])
