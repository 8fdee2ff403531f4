"""From a graph to an ordered list of groups: the nodes that one kernel computes together.

Which nodes get memory is decided first (`kept.py`); each joins the first group it can be computed
in. A matrix product hands its result to the nodes that can be computed from it on the spot; it is
kept itself only when somebody else needs it.

Work grows with the size of the graph: a node is compared with the groups that it may join, not with
all of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from quickprop.errors import ShapeError
from quickprop.graph import Graph, Op, Shape, Tensor, broadcast_shapes
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.buffers import view_root
from quickprop.native.elementwise import HEAVY, constant_number, line_width, walk_expression
from quickprop.native.gemm.epilogue import fits_epilogue, lines_fit, padded_alike
from quickprop.native.kept import SLOW, is_inline_number, is_memory, is_opaque, required
from quickprop.native.reductions import Reach, reach_of

#: Nodes that a kernel of elementwise work writes at most: two take less time to compile than one
#: twice as long.
MOST_MEMBERS = 64


class Work(Enum):
    """What the kernel of a group does."""

    FUSED = "elementwise work and sums"
    PRODUCT = "a matrix product and what is computed from it on the spot"
    ALONE = "one node that nothing is fused with"


@dataclass
class Group:
    """Nodes that one kernel computes together.

    Parameters
    ----------
    work : Work
    space : Shape
        Shape that the loops run over; for a product, the shape of the result.
    node : Tensor or None
        The product, or the node that is alone.
    members : list of Tensor
        Kept nodes that the kernel writes.
    updates : bool
        New values of variables: they come last.
    """

    work: Work
    space: Shape
    node: Tensor | None = None
    members: list[Tensor] = field(default_factory=list)
    updates: bool = False


@dataclass(frozen=True)
class Schedule:
    """Groups in order, and which nodes are kept."""

    groups: list[Group]
    kept: frozenset[Tensor]
    memory: frozenset[Tensor]

    def is_leaf(self, node: Tensor) -> bool:
        """Whether an expression reads the node from memory."""
        return node in self.memory or node in self.kept


def build_schedule(graph: Graph) -> Schedule:
    """Groups for the graph, fused, in an order that respects every use."""
    kept = required(graph)
    memory = frozenset(node for node in graph.nodes() if is_memory(node))
    while True:
        builder = _Builder(graph, set(kept), memory)
        builder.build()
        again = builder.heavy_twice()
        if not again:
            return Schedule(builder.groups, frozenset(builder.kept), memory)
        kept |= again


def _depends_on_rows(graph: Graph) -> set[Tensor]:
    """The nodes that something with a rows axis, other than their number, leads to."""
    found: set[Tensor] = set()
    for node in graph.nodes():
        if None in node.shape or any(source in found for source in node.inputs):
            found.add(node)
    return found


def is_summed(node: Tensor) -> bool:
    """True for a sum or maximum that is whole only when all lines have been gone through."""
    return node.op in REDUCTIONS and reach_of(node) is not Reach.LINE


@dataclass(frozen=True)
class _Look:
    """A kept node's expression as it is now: what it computes, what it reads."""

    node: Tensor
    nodes: list[Tensor]
    leaves: list[Tensor]
    space: Shape
    slow: bool


class _Builder:
    def __init__(self, graph: Graph, kept: set[Tensor], memory: frozenset[Tensor]) -> None:
        self.graph = graph
        self.memory = memory
        self.kept = kept
        self.groups: list[Group] = []
        self.done_at: dict[Tensor, int] = {}
        self.local: set[Tensor] = set()
        # Expressions as they are as long as none of their nodes is kept, and which go through one.
        self._looks: dict[Tensor, _Look] = {}
        self._through: dict[Tensor, list[Tensor]] = {}
        self._roots: dict[Tensor, Tensor] = {}
        # Groups by what they run over; those of updates also by what they read.
        self._by_space: dict[tuple[Shape, bool], list[int]] = {}
        self._by_reads: dict[tuple[Shape, Tensor], list[int]] = {}

    def is_leaf(self, node: Tensor) -> bool:
        return node in self.memory or node in self.kept or node.op is Op.MATMUL

    def root(self, node: Tensor) -> Tensor:
        """What the node is a view of, or itself."""
        found = self._roots.get(node)
        if found is None:
            found = self._roots[node] = view_root(node)
        return found

    # -- the walk -------------------------------------------------------------------------------

    def build(self) -> None:
        results = {self.root(new) for _, new in self.graph.updates}
        # A new value that a product or a move needs cannot wait for the end.
        results -= self._before_opaque()
        # What does not depend on the rows comes first: everybody may use it.
        order = sorted(self.graph.nodes(), key=_depends_on_rows(self.graph).__contains__)
        last = [node for node in order if node in results and node in self.kept]
        last = [node for node in last if not is_opaque(node)]
        late = set(last)
        # A node that reads a late one must be late too.
        for node in order:
            if node in self.kept and node not in late and not is_opaque(node):
                reads = {self.root(n) for n in self.look(node).leaves}
                if reads & late:
                    late.add(node)
                    last.append(node)
        late_products = self._late_products(order, late)
        for node in order:
            if node in late_products:
                continue
            if node.op is Op.MATMUL:
                self._new(Group(Work.PRODUCT, node.shape, node), node)
            elif node in self.kept and node not in late:
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
                if group.node in self.kept:
                    group.members.insert(0, group.node)

    def _before_opaque(self) -> set[Tensor]:
        """The nodes that lead to products, moves and the like."""
        found: set[Tensor] = set()
        for node in reversed(self.graph.nodes()):
            if node in found or is_opaque(node):
                found.update(node.inputs)
        return found

    def _late_products(self, order: list[Tensor], late: set[Tensor]) -> set[Tensor]:
        """Products that only updates of their own shape read: gradients used where they arise.

        They come last, when nobody needs the old values any more, and the update runs on the
        product's accumulators: the gradient itself never goes to memory.
        """
        # For each node the late nodes, and whatever else gets memory, that it is used by.
        ends: dict[Tensor, set[Tensor]] = {}
        for node in reversed(order):
            stops = node in late or node in self.kept or is_opaque(node)
            for source in node.inputs:
                ends.setdefault(source, set()).update({node} if stops else ends.get(node, set()))
        return {
            node
            for node in order
            if node.op is Op.MATMUL
            and node not in self.kept
            and ends.get(node)
            and all(end in late and end.shape == node.shape for end in ends[node])
        }

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
            for source in self.look(node).leaves:
                readers = self._by_reads.setdefault((group.space, self.root(source)), [])
                at = bisect_left(readers, k)
                if at == len(readers) or readers[at] != k:
                    readers.insert(at, k)

    def _keep(self, node: Tensor) -> None:
        """Give a node memory: expressions that went through it end there now."""
        self.kept.add(node)
        for end in self._through.pop(node, ()):
            self._looks.pop(end, None)

    # -- expressions ----------------------------------------------------------------------------

    def look(self, node: Tensor) -> _Look:
        """The expression of a node."""
        found = self._looks.get(node)
        if found is None:
            nodes = walk_expression([node], self._stop(node))
            leaves = []
            for n in nodes:
                if n is node:
                    continue
                if self.is_leaf(n):
                    leaves.append(n)
                else:
                    self._through.setdefault(n, []).append(node)
            slow = any(
                n.op in SLOW and line_width(n) == 1 and None in n.shape and not self.is_leaf(n)
                for n in nodes
            )
            found = _Look(node, nodes, leaves, _space_of(node, nodes), slow)
            self._looks[node] = found
        return found

    def _stop(self, root: Tensor) -> Callable[[Tensor], bool]:
        return lambda n: n is not root and self.is_leaf(n)

    def ready_at(self, node: Tensor) -> int:
        """Index of the group that gives the memory of a node; -1 for what is given."""
        return self.done_at.get(self.root(node), -1)

    def _candidates(self, look: _Look, ready: int, update: bool) -> Iterable[int]:
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

    def _shared_reads(self, look: _Look) -> set[Tensor]:
        """What an update reads that makes it worth joining another one that reads it too."""
        wide = (n for n in look.leaves if line_width(n) > 1 or len(n.shape) == 0)
        return {self.root(n) for n in wide}

    # -- groups ---------------------------------------------------------------------------------

    def _place(self, node: Tensor, update: bool = False) -> None:
        while True:
            look = self.look(node)
            # No group before the last of what is read can be joined.
            ready = max((self.ready_at(source) for source in look.leaves), default=0)
            for k in self._candidates(look, max(ready, 0), update):
                if self._joins(look, k, update):
                    self._join(node, k)
                    return
            products = [n for n in look.leaves if n.op is Op.MATMUL and n not in self.kept]
            if not products:
                break
            if update:
                # The gradient itself: the optimizer uses it more than once.
                self._keep(products[0])
            else:
                self._cut(look, products[0])
        self._new(Group(Work.FUSED, look.space, None, [node], update), node)

    def _joins(self, look: _Look, k: int, update: bool) -> bool:
        group = self.groups[k]
        if group.work is Work.ALONE or group.space != look.space or group.updates != update:
            return False
        if group.work is Work.FUSED and len(group.members) >= MOST_MEMBERS:
            return False
        for source in look.leaves:
            at, root = self.ready_at(source), self.root(source)
            if at > k:
                return False
            if at == k and (root not in self.local or root is not source):
                return False
            # The accumulators of another product are not in memory.
            if at < k and source.op is Op.MATMUL and source not in self.kept:
                return False
        space = look.space
        if bool(space) and (space[-1] or 1) > 1 and look.slow:
            return False
        if group.work is Work.PRODUCT:
            assert group.node is not None
            near = group.node in look.leaves or any(self.ready_at(n) == k for n in look.leaves)
            return near and self._in_epilogue(look, group.node)
        return True

    def _in_epilogue(self, look: _Look, product: Tensor) -> bool:
        node, space, inner = look.node, look.space, look.nodes
        in_memory = [n for n in inner if n is node or (self.is_leaf(n) and not is_inline_number(n))]
        if not all(padded_alike(n, product) for n in in_memory):
            return False
        reduced = node.op in REDUCTIONS
        if reduced and (reach_of(node) is Reach.LINE or node.shape[-1] != space[-1]):
            return False
        if reduced and space[-1] == 1:
            return False
        if not reduced and node.shape != space:
            return False
        return all(
            n is node
            or is_inline_number(n)
            or (lines_fit(n, space) if self.is_leaf(n) else fits_epilogue(n, space))
            for n in inner
            if n.op not in REDUCTIONS or n is not node
        ) and all(n is node or self.is_leaf(n) or n.op not in REDUCTIONS for n in inner)

    def _cut(self, look: _Look, product: Tensor) -> None:
        """Keep what of the node's expression can be computed at the end of the product."""
        k = self.done_at[product]
        inside: dict[Tensor, bool] = {}
        node, expression = look.node, look.nodes
        depends = {product}
        for n in expression:
            if any(source in depends for source in n.inputs) and (n is node or not self.is_leaf(n)):
                depends.add(n)
        for n in expression:
            if n not in depends:
                continue
            if n is product:
                inside[n] = True
                continue
            if n is node:
                continue
            inside[n] = n.op not in REDUCTIONS and self._joins(self.look(n), k, False)
        cuts = [
            n
            for n in expression
            if inside.get(n)
            and any(
                n in user.inputs and not inside.get(user, False)
                for user in expression
                if user in depends
            )
        ]
        if len(cuts) > 1:
            cuts = [self._narrow(expression, inside, node, product)]
        for n in cuts:
            self._keep(n)
            if n is not product:
                self._join(n, k)

    def _narrow(
        self, expression: list[Tensor], inside: dict[Tensor, bool], node: Tensor, product: Tensor
    ) -> Tensor:
        """The last node that every way from the product to the node passes through."""
        for candidate in reversed(expression):
            if not inside.get(candidate):
                continue
            reached = {product} if candidate is not product else set()
            for n in expression:
                if n is candidate:
                    continue
                if any(source in reached for source in n.inputs):
                    reached.add(n)
            if node not in reached:
                return candidate
        return product

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
                    nodes.update(self.look(member).nodes)
            for node in nodes:
                worth = node.op in HEAVY or (node.op in REDUCTIONS and reach_of(node) is Reach.LINE)
                if not worth or self.is_leaf(node) or is_inline_number(node):
                    continue
                if seen.setdefault(node, k) != k:
                    twice.add(node)
        return twice


def _space_of(node: Tensor, expression: list[Tensor]) -> Shape:
    """The shape that the loops of a node's expression run over."""
    space: Shape = node.shape
    for n in expression:
        if is_inline_number(n) or (n is not node and constant_number(n) is not None):
            continue
        if n is node or len(n.shape) == len(node.shape):
            try:
                space = broadcast_shapes(space, n.shape)
            except ShapeError:
                continue
    return space
