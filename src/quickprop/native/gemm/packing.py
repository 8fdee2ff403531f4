"""The second factor of a product copied into panels: panel after panel, in a panel k after k."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Tensor
from quickprop.native.buffers import Buffer, scratch
from quickprop.native.elementwise import ELEMENT
from quickprop.native.gemm.tiles import line_count, panel_groups, panel_vectors, product_lanes
from quickprop.native.ir import FunctionWriter, Value, int64, literal, vector_type
from quickprop.native.kernel import Kernel, KernelWriter
from quickprop.native.layout import Layout, layout_of
from quickprop.native.machine import Machine
from quickprop.native.transposition import transposed

#: From this width on B is packed into panels: its lines lie too far apart for the first cache.
PACK_FROM = 512


def needs_packing(node: Tensor, machine: Machine, sparse: bool = False) -> bool:
    """True when B must or should be packed into panels before the product.

    With a sparse A most lines of B are read a few times or never: they are left where they are.
    """
    if node.attribute("transpose_b"):
        return True
    if sparse:
        return False
    layout = layout_of(node.shape, node.dtype)
    vectors = -(-layout.width // product_lanes(node, machine))
    return layout.stride >= PACK_FROM and vectors > panel_vectors(vectors, machine)


def panel_memory(node: Tensor) -> Buffer:
    """Memory for the panels of a product's second factor."""
    b = node.inputs[1]
    depth = layout_of(b.shape, b.dtype).lines_per_row
    if node.attribute("transpose_b"):
        depth = b.shape[1] or 1
    size = depth * layout_of(node.shape, node.dtype).stride
    shape = (None, size) if b.shape[0] is None else (size,)
    return scratch("panels", shape, node.dtype)


@dataclass(frozen=True)
class PackKernel(Kernel):
    """Packs the second factor of a product."""

    node: Tensor
    panels: Buffer

    @property
    def results(self) -> tuple[Buffer, ...]:
        """The panels."""
        return (self.panels,)

    @property
    def can_be_shared(self) -> bool:
        """Panel by panel."""
        return True

    def write(self, writer: KernelWriter) -> None:
        """The loops over panels."""
        write_pack(writer, self.node, self.panels)


def write_pack(kernel: KernelWriter, node: Tensor, panels: Buffer) -> None:
    """Copy B into panels: panel after panel, in a panel k after k, each so many vectors wide.

    With B as its transpose, squares of a vector's length are transposed in registers.
    """
    w, machine = kernel.writer, kernel.machine
    b = node.inputs[1]
    source, target = kernel.pointer(b), kernel.pointer(panels)
    element, align = ELEMENT[node.dtype], node.dtype.itemsize
    layout, columns = layout_of(b.shape, b.dtype), layout_of(node.shape, node.dtype)
    lanes = product_lanes(node, machine)
    turned = node.attribute("transpose_b")
    inner = b.shape[1] if turned else None
    depth = line_count(kernel, b) if inner is None else int64(inner)
    for first, count, vectors in panel_groups(node, machine):
        width = vectors * lanes
        if turned:
            assert inner is not None
            pack = _TransposingPack(kernel, source, target, layout, inner, lanes, width, element)
            pack.columns(first, first + count * width, columns.width)
            continue
        begin, end = kernel.share(int64(count))
        with (
            w.loop(begin, end, int64(1)) as panel,
            w.loop(int64(0), depth, int64(1)) as k,
        ):
            column = w.add(w.mul(panel, int64(width)), int64(first))
            line = w.offset(source, w.add(w.mul(k, int64(layout.stride)), column), element)
            place = w.add(w.mul(depth, column), w.mul(k, int64(width)))
            for v in range(vectors):
                at = int64(v * lanes)
                part = w.load(w.offset(line, at, element), vector_type(element, lanes), align)
                w.store(part, w.offset(target, w.add(place, at), element), align)


@dataclass(frozen=True)
class _TransposingPack:
    """Packs B read as its transpose: lines of B become columns of the panels."""

    kernel: KernelWriter
    source: Value
    target: Value
    layout: Layout
    inner: int
    lanes: int
    width: int
    element: str

    @property
    def writer(self) -> FunctionWriter:
        """The function that is being written."""
        return self.kernel.writer

    def columns(self, start: int, stop: int, real: int) -> None:
        """Pack columns `start` to `stop`, of which those from `real` on are padding."""
        w, lanes = self.writer, self.lanes
        whole = max(start, min(stop, real) // lanes * lanes)
        if whole > start:
            begin, end = self.kernel.share(int64((whole - start) // lanes))
            with w.loop(begin, end, int64(1)) as block:
                self._block(w.add(w.mul(block, int64(lanes)), int64(start)), lanes, start)
        with self.kernel.first_part_only():
            for column in range(whole, stop, lanes):
                self._block(int64(column), max(0, min(lanes, real - column)), start)

    def _block(self, column: Value, real: int, start: int) -> None:
        """One vector's worth of columns, over the whole depth."""
        w, lanes = self.writer, self.lanes
        # Panels begin at multiples of their width after `start`.
        inside = w.binary("srem", w.sub(column, int64(start)), int64(self.width))
        panel = w.mul(w.sub(column, inside), int64(self.inner))
        place = w.offset(self.target, w.add(panel, inside), self.element)
        square = lanes > 1 and real > lanes // 2 and min(self.layout.stride, self.inner) >= lanes
        whole = self.inner // lanes * lanes if square else 0
        if whole:
            with w.loop(int64(0), int64(whole), int64(lanes)) as k:
                self._square(place, k, column, real)
        if whole < self.inner:
            with w.loop(int64(whole), int64(self.inner), int64(1)) as k:
                self._one_by_one(place, k, column, real)

    def _origin(self, column: Value, lane: int, k: Value) -> Value:
        w = self.writer
        at = w.mul(w.add(column, int64(lane)), int64(self.layout.stride))
        return w.offset(self.source, w.add(at, k), self.element)

    def _one_by_one(self, place: Value, k: Value, column: Value, real: int) -> None:
        w = self.writer
        type_ = vector_type(self.element, self.lanes)
        value = literal(0, type_)
        for lane in range(real):
            number = w.load(self._origin(column, lane, k), self.element)
            if self.lanes == 1:
                value = number
                continue
            value = w.emit(
                type_,
                f"insertelement {type_} {value.text}, {self.element} {number.text}, i64 {lane}",
            )
        at = w.offset(place, w.mul(k, int64(self.width)), self.element)
        w.store(value, at, 8 if self.element == "double" else 4)

    def _square(self, place: Value, k: Value, column: Value, real: int) -> None:
        """Transpose a square of a vector's length in registers."""
        w, lanes = self.writer, self.lanes
        type_ = vector_type(self.element, lanes)
        align = 8 if self.element == "double" else 4
        block = [
            w.load(self._origin(column, lane, k), type_, align)
            if lane < real
            else literal(0, type_)
            for lane in range(lanes)
        ]
        for lane, line in enumerate(transposed(w, block)):
            at = w.mul(w.add(k, int64(lane)), int64(self.width))
            w.store(line, w.offset(place, at, self.element), align)
