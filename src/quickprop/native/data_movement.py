"""Kernels that move numbers: reshape, transpose, slice, pad, concat, rows by number, odd sums.

They are plain loops over indices with an address on either side, one number at a time (whole lines
where a line stays a line).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from quickprop.graph import Op, Shape, Tensor
from quickprop.native.copying import along, copy_line, fill_line
from quickprop.native.elementwise import ELEMENT, constant_number
from quickprop.native.im2col import write_patches, write_patches_add
from quickprop.native.ir import FunctionWriter, Loop, Value, int64, literal, vector_type
from quickprop.native.kernel import Kernel, KernelWriter, Memory
from quickprop.native.layout import Layout, axis_strides, layout_of
from quickprop.native.reductions import combine, neutral


def _open_axes(w: FunctionWriter, rows: Value, shape: Shape) -> tuple[list[Loop], list[Value]]:
    loops = [w.open_loop(int64(0), rows if dim is None else int64(dim), int64(1)) for dim in shape]
    return loops, [loop.index for loop in loops]


def _close_axes(w: FunctionWriter, loops: list[Loop]) -> None:
    for loop in reversed(loops):
        w.close_loop(loop)


def _address(
    w: FunctionWriter,
    pointer: Value,
    indices: list[Value],
    strides: tuple[int, ...],
    element: str,
    offset: int = 0,
) -> Value:
    total = int64(offset)
    for index, stride in zip(indices, strides, strict=True):
        if stride:
            total = w.add(total, w.mul(index, int64(stride)))
    return w.offset(pointer, total, element)


def _zero(kernel: KernelWriter, node: Tensor) -> None:
    """Zero the whole memory of a tensor, padding included."""
    w = kernel.writer
    layout = layout_of(node.shape, node.dtype)
    count = w.mul(kernel.rows(), int64(layout.size)) if layout.rows else int64(layout.size)
    element = ELEMENT[node.dtype]
    pointer = kernel.pointer(node)
    with w.loop(int64(0), count, int64(1)) as index:
        w.store(literal(0, element), w.offset(pointer, index, element))


def _copy_block(
    kernel: KernelWriter,
    source: Tensor,
    target: Tensor,
    shape: Shape,
    source_strides: tuple[int, ...],
    target_strides: tuple[int, ...],
    source_offset: int = 0,
    target_offset: int = 0,
) -> None:
    w = kernel.writer
    element = ELEMENT[source.dtype]
    number = constant_number(source)
    run = shape[-1] if shape and number is None else None
    if run is not None and run > 1 and source_strides[-1] == target_strides[-1] == 1:
        # Neighbours stay neighbours: whole vectors.
        loops, indices = _open_axes(w, kernel.rows(), shape[:-1])
        origin = _address(
            w, kernel.pointer(source), indices, source_strides[:-1], element, source_offset
        )
        goal = _address(
            w, kernel.pointer(target), indices, target_strides[:-1], element, target_offset
        )
        copy_line(w, kernel.machine, origin, goal, source.dtype, run)
        _close_axes(w, loops)
        return
    loops, indices = _open_axes(w, kernel.rows(), shape)
    if number is None:
        origin = _address(
            w, kernel.pointer(source), indices, source_strides, element, source_offset
        )
        value = w.load(origin, element)
    else:
        value = literal(number, element)
    place = _address(w, kernel.pointer(target), indices, target_strides, element, target_offset)
    w.store(value, place)
    _close_axes(w, loops)


def _strides(node: Tensor) -> tuple[int, ...]:
    return axis_strides(node.shape, layout_of(node.shape, node.dtype))


def _write_transpose(kernel: KernelWriter, node: Tensor) -> None:
    source = node.inputs[0]
    before = _strides(source)
    _zero_padding(kernel, node)
    permuted = tuple(before[axis] for axis in node.attribute("axes"))
    _copy_block(kernel, source, node, node.shape, permuted, _strides(node))


def _zero_padding(kernel: KernelWriter, node: Tensor) -> None:
    layout = layout_of(node.shape, node.dtype)
    if layout.width != layout.stride:
        _zero(kernel, node)


def _write_slice(kernel: KernelWriter, node: Tensor) -> None:
    source = node.inputs[0]
    strides = _strides(source)
    offset = sum(
        start * stride for start, stride in zip(node.attribute("start"), strides, strict=True)
    )
    _zero_padding(kernel, node)
    _copy_block(kernel, source, node, node.shape, strides, _strides(node), source_offset=offset)


def _write_pad(kernel: KernelWriter, node: Tensor) -> None:
    source = node.inputs[0]
    strides = _strides(node)
    offset = sum(
        before * stride for before, stride in zip(node.attribute("before"), strides, strict=True)
    )
    _zero(kernel, node)
    _copy_block(kernel, source, node, source.shape, _strides(source), strides, target_offset=offset)


def _write_concat(kernel: KernelWriter, node: Tensor) -> None:
    axis, strides, done = node.attribute("axis"), _strides(node), 0
    _zero_padding(kernel, node)
    for part in node.inputs:
        _copy_block(
            kernel, part, node, part.shape, _strides(part), strides,
            target_offset=done * strides[axis],
        )  # fmt: skip
        done += part.shape[axis] or 0


def _write_reshape(kernel: KernelWriter, node: Tensor) -> None:
    """Both sides are walked by the number's place in the row-major order of one row.

    So many numbers as divide the widths of both sides stay side by side, as when the last axis is
    cut into several or several become one.
    """
    w = kernel.writer
    source = node.inputs[0]
    a, b = layout_of(source.shape, source.dtype), layout_of(node.shape, node.dtype)
    element = ELEMENT[node.dtype]
    _zero_padding(kernel, node)
    rows, run = kernel.rows() if b.rows else int64(1), math.gcd(a.width, b.width)
    with (
        w.loop(int64(0), rows, int64(1)) as row,
        w.loop(int64(0), int64(b.lines_per_row * b.width), int64(run)) as place,
    ):
        origin = _place(w, kernel.pointer(source), a, row, place, element)
        goal = _place(w, kernel.pointer(node), b, row, place, element)
        copy_line(w, kernel.machine, origin, goal, node.dtype, run)


def _place(
    w: FunctionWriter, pointer: Value, layout: Layout, row: Value, place: Value, element: str
) -> Value:
    line = w.binary("sdiv", place, int64(layout.width))
    column = w.binary("srem", place, int64(layout.width))
    total = w.add(w.mul(row, int64(layout.size)), w.mul(line, int64(layout.stride)))
    return w.offset(pointer, w.add(total, column), element)


def _row_index(kernel: KernelWriter, index: Tensor, at: Value, levels: int) -> Value:
    """A row number, held inside the table: wrong memory must not be touched whatever comes in."""
    w = kernel.writer
    number = w.load(w.offset(kernel.pointer(index), at, "i32"), "i32")
    number = w.intrinsic("smax", number, literal(0, "i32"))
    number = w.intrinsic("smin", number, literal(levels - 1, "i32"))
    return w.convert("sext", number, "i64")


def _lines_of(kernel: KernelWriter, index: Tensor) -> Value:
    return kernel.rows() if index.shape[0] is None else int64(index.shape[0])


def _each_vector(
    kernel: KernelWriter, stride: int, element: str, itemsize: int
) -> tuple[str, AbstractContextManager[Value]]:
    lanes = min(kernel.machine.lanes(itemsize), stride)
    return vector_type(element, lanes), kernel.writer.loop(int64(0), int64(stride), int64(lanes))


def _write_gather(kernel: KernelWriter, node: Tensor) -> None:
    w = kernel.writer
    table, index = node.inputs
    layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
    with w.loop(int64(0), _lines_of(kernel, index), int64(1)) as line:
        number = _row_index(kernel, index, line, table.shape[0] or 1)
        origin = w.offset(kernel.pointer(table), w.mul(number, int64(layout.stride)), element)
        place = w.offset(kernel.pointer(node), w.mul(line, int64(layout.stride)), element)
        type_, columns = _each_vector(kernel, layout.stride, element, node.dtype.itemsize)
        with columns as column:
            part = w.load(w.offset(origin, column, element), type_, node.dtype.itemsize)
            w.store(part, w.offset(place, column, element), node.dtype.itemsize)


def _write_scatter_add(kernel: KernelWriter, node: Tensor) -> None:
    w = kernel.writer
    index, values = node.inputs
    layout, element = layout_of(node.shape, node.dtype), ELEMENT[node.dtype]
    align = node.dtype.itemsize
    _zero(kernel, node)
    with w.loop(int64(0), _lines_of(kernel, index), int64(1)) as line:
        number = _row_index(kernel, index, line, node.shape[0] or 1)
        origin = w.offset(kernel.pointer(values), w.mul(line, int64(layout.stride)), element)
        place = w.offset(kernel.pointer(node), w.mul(number, int64(layout.stride)), element)
        type_, columns = _each_vector(kernel, layout.stride, element, align)
        with columns as column:
            to = w.offset(place, column, element)
            part = w.load(w.offset(origin, column, element), type_, align)
            w.store(combine(w, Op.SUM, w.load(to, type_, align), part), to, align)


def _write_reduction(kernel: KernelWriter, node: Tensor) -> None:
    """Sum or maximum over any axes."""
    w = kernel.writer
    source = node.inputs[0]
    element = ELEMENT[node.dtype]
    if node.shape[-1] == source.shape[-1] is not None:
        _write_reduction_of_lines(kernel, node)
        return
    _zero_padding(kernel, node)
    strides = _strides(node)
    loops, indices = _open_axes(w, kernel.rows(), node.shape)
    w.store(
        neutral(node.op, element),
        _address(w, kernel.pointer(node), indices, strides, element),
    )
    _close_axes(w, loops)
    loops, indices = _open_axes(w, kernel.rows(), source.shape)
    value = w.load(_address(w, kernel.pointer(source), indices, _strides(source), element), element)
    place = _address(w, kernel.pointer(node), indices, strides, element)
    w.store(combine(w, node.op, w.load(place, element), value), place)
    _close_axes(w, loops)


def _write_reduction_of_lines(kernel: KernelWriter, node: Tensor) -> None:
    """Sum or maximum over some axes but not the last: whole lines at a time."""
    w = kernel.writer
    source = node.inputs[0]
    element, align, axes = ELEMENT[node.dtype], node.dtype.itemsize, node.attribute("axes")
    before, after = _strides(source), _strides(node)
    stride = layout_of(node.shape, node.dtype).stride
    width = layout_of(node.shape, node.dtype).width
    outer = [k for k in range(node.rank - 1) if k not in axes]
    inner = [k for k in range(node.rank - 1) if k in axes]
    kept, indices = _open_axes(w, kernel.rows(), tuple(node.shape[k] for k in outer))
    goal = _address(w, kernel.pointer(node), indices, tuple(after[k] for k in outer), element)
    start = _address(w, kernel.pointer(source), indices, tuple(before[k] for k in outer), element)

    def reduce_part(at: Value, type_: str) -> None:
        total = neutral(node.op, type_)
        opened: list[Loop] = []
        place = w.offset(start, at, element)
        for k in inner:
            dim = source.shape[k]
            stop = kernel.rows() if dim is None else int64(dim)
            loop = w.open_loop(int64(0), stop, int64(1), [total])
            place = w.offset(place, w.mul(loop.index, int64(before[k])), element)
            (total,) = loop.carried
            opened.append(loop)
        total = combine(w, node.op, total, w.load(place, type_, align))
        for loop in reversed(opened):
            (total,) = w.close_loop(loop, [total])
        w.store(total, w.offset(goal, at, element), align)

    along(w, kernel.machine, node.dtype, width, reduce_part)
    if width < stride:
        tail = w.offset(goal, int64(width), element)
        fill_line(w, kernel.machine, tail, node.dtype, stride - width, 0)
    _close_axes(w, kept)


#: One function for each primitive whose numbers are moved, not computed; and for odd sums.
WRITE: dict[Op, Callable[[KernelWriter, Tensor], None]] = {
    Op.TRANSPOSE: _write_transpose,
    Op.SLICE: _write_slice,
    Op.PAD: _write_pad,
    Op.CONCAT: _write_concat,
    Op.RESHAPE: _write_reshape,
    Op.GATHER: _write_gather,
    Op.SCATTER_ADD: _write_scatter_add,
    Op.PATCHES: write_patches,
    Op.PATCHES_ADD: write_patches_add,
    Op.SUM: _write_reduction,
    Op.MAX: _write_reduction,
}


@dataclass(frozen=True)
class MoveKernel(Kernel):
    """The kernel of one node that moves numbers."""

    node: Tensor

    @property
    def results(self) -> tuple[Memory, ...]:
        """The node."""
        return (self.node,)

    @property
    def can_be_shared(self) -> bool:
        """No: memory is what it waits for."""
        return False

    def write(self, writer: KernelWriter) -> None:
        """The loops over indices."""
        WRITE[self.node.op](writer, self.node)
