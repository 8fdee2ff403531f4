"""From a graph to steps over buffers: which kernel does the work of each group.

This is the one place that chooses kernels. A kernel for another type of number, or one that only
some machines can run, is a class beside those it replaces, and a line here that prefers it where it
fits: `gemm/` for products, `flat.py` and its neighbours for elementwise work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from quickprop.graph import Graph, Op, Tensor
from quickprop.native.buffers import (
    Buffer,
    Buffers,
    RowsOfInput,
    TableSlot,
    scratch,
    view_root,
)
from quickprop.native.copy_kernels import CopyKernel, FillKernel, is_number
from quickprop.native.csr_choice import only_factors
from quickprop.native.csr_kernels import CsrBuffers, CsrInput, SortByColumnKernel
from quickprop.native.data_movement import MoveKernel
from quickprop.native.elementwise import walk_expression
from quickprop.native.flat import FlatKernel
from quickprop.native.fused import Fused
from quickprop.native.gemm import (
    BatchProductKernel,
    PackKernel,
    ProductKernel,
    needs_packing,
    panel_memory,
)
from quickprop.native.group_order import in_order
from quickprop.native.groups import Group, Schedule, Work, is_summed
from quickprop.native.in_place import overwrite_variables
from quickprop.native.kernel import Kernel, Step, make_step
from quickprop.native.lane_per_row import LanePerRowKernel
from quickprop.native.layout import layout_of
from quickprop.native.machine import Machine
from quickprop.native.pointer_table import PointerTable
from quickprop.native.rowwise import RowwiseKernel
from quickprop.native.schedule import build_schedule


def has_rows(node: Tensor) -> bool:
    """True for a tensor with a rows axis."""
    return bool(node.shape) and node.shape[0] is None


@dataclass(frozen=True)
class Settings:
    """How a graph is to be written.

    Parameters
    ----------
    machine : Machine
    rows_hint : int
        The number of rows most calls will have.
    epoch : bool
        As the step of a loop over mini-batches.
    threaded : bool
        For several threads that run it together.
    sparse_inputs : tuple of int
        Positions of the inputs that come as compressed sparse rows.
    """

    machine: Machine
    rows_hint: int
    epoch: bool = False
    threaded: bool = False
    sparse_inputs: tuple[int, ...] = ()


@dataclass
class Lowered:
    """The steps of a graph, and the memory that they work on.

    Parameters
    ----------
    graph : Graph
    settings : Settings
    table : PointerTable
    buffers : Buffers
    unpadded : frozenset of Tensor
        Inputs whose lines lie as NumPy has them.
    csr : dict
        The inputs that products read as compressed sparse rows.
    steps : list of Step
        In order.
    last_copies : list of Step
        New values of variables that could not be written in place.
    sorts : bool
        True when entries are needed by column too.
    """

    graph: Graph
    settings: Settings
    table: PointerTable
    buffers: Buffers
    unpadded: frozenset[Tensor]
    csr: dict[Tensor, CsrInput]
    steps: list[Step] = field(default_factory=list)
    last_copies: list[Step] = field(default_factory=list)
    sorts: bool = False

    @property
    def sparse_leaves(self) -> tuple[Tensor, ...]:
        """The inputs that come as compressed sparse rows."""
        return tuple(self.graph.inputs[k] for k in self.settings.sparse_inputs)

    def is_argument(self, leaf: Tensor) -> bool:
        """Whether the steps are told where the rows of an input begin."""
        if leaf in self.csr:
            return not self.settings.epoch
        buffer = self.buffers.find(leaf)
        return buffer is not None and isinstance(buffer.location, RowsOfInput)


def lower(graph: Graph, settings: Settings) -> Lowered:
    """Choose and write the kernels of a graph."""
    return _Lowering(graph, settings).run()


class _Lowering:
    def __init__(self, graph: Graph, settings: Settings) -> None:
        self.graph, self.settings = graph, settings
        self.schedule: Schedule = build_schedule(graph)
        self.unpadded = only_factors(graph)
        self.buffers = Buffers(self.unpadded)
        table = PointerTable.of(graph, settings.sparse_inputs)
        csr = {
            leaf: CsrInput.of(graph, leaf, table, epoch=settings.epoch)
            for leaf in (graph.inputs[k] for k in settings.sparse_inputs)
            if leaf in self.unpadded
        }
        self.result = Lowered(graph, settings, table, self.buffers, self.unpadded, csr)
        self._sorted: set[Tensor] = set()
        self._aside: dict[Tensor, Buffer] = {}

    def run(self) -> Lowered:
        """All steps."""
        self._place_given()
        self._set_old_values_aside()
        for group in in_order(self.schedule, self.graph):
            self._lower(group)
        self._keep_results()
        self._finish_updates()
        self.result.sorts = bool(self._sorted)
        return self.result

    def _place_given(self) -> None:
        """What the caller provides is where the caller says."""
        table = self.result.table
        for k, leaf in enumerate(self.graph.inputs):
            if leaf in self.result.csr:
                continue
            buffer = self.buffers.of(leaf)
            buffer.given = True
            if leaf in self.unpadded and not self.settings.epoch:
                buffer.location = RowsOfInput(k)
            # What has no rows is brought in once for all chunks and steps.
            buffer.needed = not has_rows(leaf)
        for k, leaf in enumerate(self.graph.variables):
            buffer = self.buffers.of(leaf)
            buffer.given = buffer.needed = True
            buffer.location = TableSlot(table.variable(k))

    def _keep_results(self) -> None:
        for out in self.graph.roots:
            buffer = self.buffers.find(out)
            if buffer is not None:
                buffer.needed = True
        for copy in self._aside.values():
            copy.needed = True

    def _finish_updates(self) -> None:
        """New values go straight over the old ones where that can be, else they are copied."""
        updates = [(self.buffers.of(v), self.buffers.find(n)) for v, n in self.graph.updates]
        outputs = {self.buffers.find(out) for out in self.graph.outputs}
        in_place = overwrite_variables(updates, outputs, self.result.steps)
        for variable, new in self.graph.updates:
            target = self.buffers.of(variable)
            if variable in self._aside:
                kernel: Kernel = CopyKernel(self._aside[variable], target)
            elif is_number(new):
                kernel = FillKernel(new, variable)
            elif target in in_place or self.buffers.of(new) is target:
                continue
            else:
                kernel = CopyKernel(self.buffers.of(new), target)
            self.result.last_copies.append(
                make_step(kernel, self.settings.machine, self.buffers.of)
            )

    # -- steps ----------------------------------------------------------------------------------

    def _add(
        self,
        kernel: Kernel,
        *,
        updates: bool = False,
        reads_elsewhere: frozenset[Buffer] = frozenset(),
    ) -> None:
        self.result.steps.append(
            make_step(
                kernel,
                self.settings.machine,
                self.buffers.of,
                threaded=self.settings.threaded,
                updates=updates,
                reads_elsewhere=reads_elsewhere,
            )
        )

    def _set_old_values_aside(self) -> None:
        """Copy the old value of a variable that becomes the new value of another one.

        Updates happen at the same time: ``a := b, b := a`` is an exchange.
        """
        for variable, new in self.graph.updates:
            source = view_root(new)
            if source.op is not Op.VARIABLE or source is variable:
                continue
            copy = self._aside[variable] = scratch("old value", source.shape, source.dtype)
            self._add(CopyKernel(self.buffers.of(source), copy))

    def _lower(self, group: Group) -> None:
        if group.work is Work.ALONE:
            self._lower_alone(group)
            return
        fused = Fused(group.space, tuple(group.members), self._leaf_test(group))
        elsewhere = self._reads_elsewhere(group, fused) if group.updates else frozenset()
        if group.work is Work.PRODUCT:
            assert group.node is not None
            kernel: Kernel = self._product(group.node, fused)
        else:
            kernel = self._fused(fused)
        self._add(kernel, updates=group.updates, reads_elsewhere=elsewhere)

    def _lower_alone(self, group: Group) -> None:
        node = group.node
        assert node is not None
        if node.op is Op.BATCH_MATMUL:
            machine, threaded = self.settings.machine, self.settings.threaded
            self._add(BatchProductKernel.of(node, machine, threaded=threaded))
        else:
            self._add(MoveKernel(node))

    def _leaf_test(self, group: Group) -> Callable[[Tensor], bool]:
        """What a kernel reads from memory: kept nodes, but not those it computes itself."""
        own = {node for node in group.members if not is_summed(node)}
        return lambda n: self.schedule.is_leaf(n) and n not in own

    def _reads_elsewhere(self, group: Group, fused: Fused) -> frozenset[Buffer]:
        """The variables that are read at other places than where the kernel is writing."""
        read = {
            view_root(n)
            for n in walk_expression(fused.roots, fused.is_leaf)
            if fused.is_leaf(n) and n.shape != group.space
        }
        if group.node is not None:
            # A product would read what it has written.
            read.update(map(view_root, group.node.inputs))
        return frozenset(self.buffers.of(n) for n in read if n.op is Op.VARIABLE)

    def _fused(self, fused: Fused) -> Kernel:
        """The kernel for elementwise work and sums."""
        if FlatKernel.fits(fused):
            return FlatKernel(fused)
        if LanePerRowKernel.fits(fused, self.settings.machine):
            return LanePerRowKernel(fused)
        return RowwiseKernel(fused)

    def _product(self, node: Tensor, fused: Fused) -> ProductKernel:
        """The kernel of a product, after what prepares its factors."""
        a, machine = node.inputs[0], self.settings.machine
        csr = self._entries_for(node)
        panels: Buffer | None = None
        if needs_packing(node, machine, csr is not None):
            panels = panel_memory(node)
            self._add(PackKernel(node, panels))
        layout = layout_of(a.shape, a.dtype, dense=a in self.unpadded)
        hint = self.settings.rows_hint
        return ProductKernel(node, layout, hint, fused.members, fused.is_leaf, panels, csr)

    def _entries_for(self, node: Tensor) -> CsrBuffers | None:
        """The entries that a product reads its first factor from; by column when it must be so."""
        leaf = node.inputs[0]
        source = self.result.csr.get(leaf)
        if source is None:
            return None
        if not node.attribute("transpose_a"):
            return source.rows
        if leaf not in self._sorted:
            self._sorted.add(leaf)
            self._add(SortByColumnKernel(leaf, source))
        return source.columns
