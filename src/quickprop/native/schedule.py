"""From a graph to an ordered list of groups: the nodes that one kernel computes together.

Which nodes get memory is decided first (`kept.py`); each joins the first group it can be computed
in. A matrix product hands its result to the nodes that can be computed from it on the spot; it is
kept itself only when somebody else needs it.

Work grows with the size of the graph: a node is compared with the groups that it may join, not with
all of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from quickprop.graph import Graph, Op, Shape, Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.elementwise import HEAVY, line_width
from quickprop.native.expressions import Expressions, Look
from quickprop.native.groups import Group, Schedule, Work, is_summed
from quickprop.native.kept import is_inline_number, is_memory, is_opaque, required
from quickprop.native.late_work import late_nodes, products_of_late
from quickprop.native.product_tile import fits_on_tile, last_on_tile
from quickprop.native.reductions import Reach, reach_of

#: Nodes that a kernel of elementwise work writes at most: two take less time to compile than one
#: twice as long.
MOST_MEMBERS = 64


def build_schedule(graph: Graph) -> Schedule:
    """Groups for the graph, fused, in an order that respects every use."""
    kept = required(graph)
    memory = frozenset(node for node in graph.nodes() if is_memory(node))
    while True:
        builder = _Builder(graph, set(kept), memory)
        builder.build()
        again = builder.heavy_twice()
        if not again:
            return Schedule(builder.groups, frozenset(builder.expressions.kept), memory)
        kept |= again


def _depends_on_rows(graph: Graph) -> set[Tensor]:
    """The nodes that something with a rows axis, other than their number, leads to."""
    found: set[Tensor] = set()
    for node in graph.nodes():
        if None in node.shape or any(source in found for source in node.inputs):
            found.add(node)
    return found


class _Builder:
    def __init__(self, graph: Graph, kept: set[Tensor], memory: frozenset[Tensor]) -> None:
        self.graph = graph
        self.expressions = Expressions(kept, memory)
        self.groups: list[Group] = []
        self.done_at: dict[Tensor, int] = {}
        self.local: set[Tensor] = set()
        # Groups by what they run over; those of updates also by what they read.
        self._by_space: dict[tuple[Shape, bool], list[int]] = {}
        self._by_reads: dict[tuple[Shape, Tensor], list[int]] = {}

    # -- the walk -------------------------------------------------------------------------------

    def build(self) -> None:
        kept = self.expressions.kept
        # What does not depend on the rows comes first: everybody may use it.
        order = sorted(self.graph.nodes(), key=_depends_on_rows(self.graph).__contains__)
        late = late_nodes(self.graph, order, self.expressions)
        late_products = products_of_late(order, late, kept)
        for node in order:
            if node in late_products:
                continue
            if node.op is Op.MATMUL:
                self._new(Group(Work.PRODUCT, node.shape, node), node)
            elif node in kept and node not in late:
                if is_opaque(node):
                    self._new(Group(Work.ALONE, node.shape, node, [node]), node)
                else:
                    self._place(node)
        for node in order:
            if node in late_products:
                self._new(Group(Work.PRODUCT, node.shape, node, updates=True), node)
            elif node in late:
                self._place(node, update=True)
        for group in self.groups:
            if group.work is Work.PRODUCT:
                assert group.node is not None
                if group.node in kept:
                    group.members.insert(0, group.node)

    def _new(self, group: Group, node: Tensor) -> None:
        k = len(self.groups)
        self.groups.append(group)
        self.done_at[node] = k
        self._by_space.setdefault((group.space, group.updates), []).append(k)
        if group.work is Work.PRODUCT:
            self.local.add(node)
        elif group.work is Work.FUSED:
            self._note_member(node, k)

    def _join(self, node: Tensor, k: int) -> None:
        self.groups[k].members.append(node)
        self.done_at[node] = k
        self._note_member(node, k)

    def _note_member(self, node: Tensor, k: int) -> None:
        if not is_summed(node):
            self.local.add(node)
        group = self.groups[k]
        if group.updates:
            for source in self.expressions.look(node).leaves:
                readers = self._by_reads.setdefault(
                    (group.space, self.expressions.root(source)), []
                )
                at = bisect_left(readers, k)
                if at == len(readers) or readers[at] != k:
                    readers.insert(at, k)

    def ready_at(self, node: Tensor) -> int:
        """Index of the group that gives the memory of a node; -1 for what is given."""
        return self.done_at.get(self.expressions.root(node), -1)

    def _candidates(self, look: Look, ready: int, update: bool) -> Iterable[int]:
        """The groups from `ready` on that a node may join, in order.

        An update joins what it reads from, or another update that reads the same.
        """
        if not update:
            groups = self._by_space.get((look.space, False), [])
            return groups[bisect_left(groups, ready) :]
        near = {k for k in map(self.ready_at, look.leaves) if k >= ready}
        for source in self._shared_reads(look):
            readers = self._by_reads.get((look.space, source), [])
            near.update(readers[bisect_left(readers, ready) :])
        return sorted(near)

    def _shared_reads(self, look: Look) -> set[Tensor]:
        """What an update reads that makes it worth joining another one that reads it too."""
        wide = (n for n in look.leaves if line_width(n) > 1 or len(n.shape) == 0)
        return {self.expressions.root(n) for n in wide}

    # -- groups ---------------------------------------------------------------------------------

    def _place(self, node: Tensor, update: bool = False) -> None:
        while True:
            look = self.expressions.look(node)
            # No group before the last of what is read can be joined.
            ready = max((self.ready_at(source) for source in look.leaves), default=0)
            for k in self._candidates(look, max(ready, 0), update):
                if self._joins(look, k, update):
                    self._join(node, k)
                    return
            products = [
                n for n in look.leaves if n.op is Op.MATMUL and n not in self.expressions.kept
            ]
            if not products:
                break
            if update:
                # The gradient itself: the optimizer uses it more than once.
                self.expressions.keep(products[0])
            else:
                self._end_at(products[0], look)
        self._new(Group(Work.FUSED, look.space, None, [node], update), node)

    def _joins(self, look: Look, k: int, update: bool) -> bool:
        group = self.groups[k]
        if group.work is Work.ALONE or group.space != look.space or group.updates != update:
            return False
        if group.work is Work.FUSED and len(group.members) >= MOST_MEMBERS:
            return False
        for source in look.leaves:
            at, root = self.ready_at(source), self.expressions.root(source)
            if at > k:
                return False
            if at == k and (root not in self.local or root is not source):
                return False
            # The accumulators of another product are not in memory.
            if at < k and source.op is Op.MATMUL and source not in self.expressions.kept:
                return False
        space = look.space
        if bool(space) and (space[-1] or 1) > 1 and look.slow:
            return False
        if group.work is Work.PRODUCT:
            assert group.node is not None
            near = group.node in look.leaves or any(self.ready_at(n) == k for n in look.leaves)
            return near and fits_on_tile(look, group.node, self.expressions.is_leaf)
        return True

    def _end_at(self, product: Tensor, look: Look) -> None:
        """Keep what of an expression can be computed on the tile of a product."""
        k = self.done_at[product]

        def fits(node: Tensor) -> bool:
            return self._joins(self.expressions.look(node), k, False)

        for node in last_on_tile(look, product, fits, self.expressions.is_leaf):
            self.expressions.keep(node)
            if node is not product:
                self._join(node, k)

    def heavy_twice(self) -> set[Tensor]:
        """Heavy nodes, not kept yet, that two groups would compute."""
        seen: dict[Tensor, int] = {}
        twice: set[Tensor] = set()
        for k, group in enumerate(self.groups):
            if group.work is Work.ALONE:
                continue
            nodes: set[Tensor] = set()
            for member in group.members:
                if member is not group.node:
                    nodes.update(self.expressions.look(member).nodes)
            for node in nodes:
                worth = node.op in HEAVY or (node.op in REDUCTIONS and reach_of(node) is Reach.LINE)
                if not worth or self.expressions.is_leaf(node) or is_inline_number(node):
                    continue
                if seen.setdefault(node, k) != k:
                    twice.add(node)
        return twice
