"""How a product's result is cut: panels of some vectors, and tiles of some rows of a panel."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.graph import Shape, Tensor
from quickprop.native.elementwise import Column
from quickprop.native.ir import FunctionWriter, Value, int64
from quickprop.native.kernel import KernelWriter
from quickprop.native.layout import layout_of
from quickprop.native.machine import Machine

#: Rows taken for granted when tiles are chosen for a product over the rows of a call.
USUAL_ROWS = 256
#: Lines of more vectors lose by halving them: 300 and 500 doubles 2 and 3 % of a step, measured,
#: where 36 gain 4 %.
MOST_HALVED = 16


@dataclass(frozen=True)
class Tile:
    """Rows and vectors of accumulators."""

    rows: int
    vectors: int


@dataclass(frozen=True)
class Panel:
    """A panel that is being computed.

    Parameters
    ----------
    column : Column
        Its first column in the result.
    vectors : int
        How many wide it is.
    b : Value
        Where its part of B begins.
    step : int
        Numbers from a line of B to the next.
    """

    column: Column
    vectors: int
    b: Value
    step: int

    def line(self, w: FunctionWriter, k: Value, element: str) -> Value:
        """Where the panel's part of a line of B is."""
        return w.offset(self.b, w.mul(k, int64(self.step)), element)


def panel_vectors(vectors: int, machine: Machine) -> int:
    """How many vectors wide the panels are that a line of so many vectors is cut into."""
    most = 4 if machine.vector_registers >= 32 else 2
    panels = -(-vectors // most)
    return -(-vectors // panels)


def tile_rows(extent: int, vectors: int, machine: Machine) -> int:
    """Rows of a tile: the registers allow so many, and few rows should be left over."""
    registers = machine.vector_registers - vectors - (2 if machine.vector_registers > 16 else 1)
    most = max(1, min(registers // vectors, 14))
    best, cost = 1, float("inf")
    for rows in range(1, most + 1):
        full, rest = divmod(extent, rows)
        # Each tile has a step's latency to wait for when it is too small to fill it, and some
        # start-up; B is loaded once a tile.
        now = full * _tile_cost(rows, vectors) + (_tile_cost(rest, vectors) if rest else 0.0)
        if now < cost - 1e-9:
            best, cost = rows, now
    return best


def _tile_cost(rows: int, vectors: int) -> float:
    """Cycles of one step of the inner loop, for one multiply-add a cycle of latency four."""
    work = rows * vectors
    loads = 0.5 * (vectors + rows)
    return max(work, 4.0, loads) + 0.25 * vectors + 0.5


def product_lanes(node: Tensor, machine: Machine) -> int:
    """Numbers in the vectors that a line of the result is made of."""
    layout = layout_of(node.shape, node.dtype)
    lanes = min(machine.lanes(node.dtype.itemsize), layout.stride)
    few = layout.width <= MOST_HALVED * lanes
    if few and machine.halves_vectors and 0 < layout.width % lanes <= lanes // 2:
        return lanes // 2
    return lanes


def panels_of(node: Tensor, machine: Machine) -> list[tuple[int, int]]:
    """(first column, vectors) of every panel of the result; vectors of padding are left out."""
    lanes = product_lanes(node, machine)
    vectors = -(-layout_of(node.shape, node.dtype).width // lanes)
    wide = panel_vectors(vectors, machine)
    return [(v * lanes, min(wide, vectors - v)) for v in range(0, vectors, wide)]


def panel_groups(node: Tensor, machine: Machine) -> list[tuple[int, int, int]]:
    """(first column, panels, vectors) for the equally wide panels, then for a narrower last one."""
    panels = panels_of(node, machine)
    alike = sum(vectors == panels[0][1] for _, vectors in panels)
    groups = [(0, alike, panels[0][1])]
    return groups + [(first, 1, vectors) for first, vectors in panels[alike:]]


def line_count(kernel: KernelWriter, node: Tensor) -> Value:
    """How many lines a tensor of at least two axes has."""
    layout = layout_of(node.shape, node.dtype)
    if not layout.rows:
        return int64(layout.lines_per_row)
    return kernel.writer.mul(kernel.rows(), int64(layout.lines_per_row))


def is_one_line(shape: Shape) -> bool:
    """True when all axes but the last have length 1."""
    return all(dim == 1 for dim in shape[:-1])
