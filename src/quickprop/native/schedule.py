"""From a graph to an ordered list of kernels: what is fused with what, what gets memory.

A node is *kept* when it gets memory of its own. Everything else elementwise is computed where it is
needed, inside the kernels of the kept nodes, from kept nodes. Which nodes are kept:

- results, what matrix products and moves read, sums over lines;
- what is one number or one line but is used for many lines, so that it is computed once;
- heavy nodes (exp, tanh, ...) that would otherwise be computed in two kernels.

A matrix product hands its result to the nodes that can be computed from it on the spot; it is kept
itself only when somebody else needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from quickprop.errors import ShapeError
from quickprop.graph import Graph, Op, Shape, Tensor, broadcast_shapes
from quickprop.graph.primitives import LEAVES
from quickprop.native.elementwise import HEAVY, constant_number, line_width, walk_expression
from quickprop.native.gemm.product import fits_epilogue, lines_fit, padded_alike
from quickprop.native.layout import is_view
from quickprop.native.rowwise import LINE, OTHER, reduction_kind

MOVES = frozenset(
    {Op.TRANSPOSE, Op.SLICE, Op.PAD, Op.CONCAT, Op.GATHER, Op.SCATTER_ADD, Op.RESHAPE}
    | {Op.PATCHES, Op.PATCHES_ADD, Op.BATCH_MATMUL}
)


@dataclass
class Kernel:
    """One piece of native work.

    Parameters
    ----------
    kind : str
        "lines", "product" or "move".
    space : Shape
        Shape that the loops run over; for a product, the shape of the result.
    node : Tensor or None
        The MATMUL or the moved tensor.
    members : list of Tensor
        Kept nodes that the kernel writes.
    """

    kind: str
    space: Shape
    node: Tensor | None = None
    members: list[Tensor] = field(default_factory=list)
    updates: bool = False


@dataclass(frozen=True)
class Schedule:
    """Kernels in order, and which nodes are kept."""

    kernels: list[Kernel]
    kept: frozenset[Tensor]
    memory: frozenset[Tensor]

    def is_leaf(self, node: Tensor) -> bool:
        """Whether an expression reads the node from memory."""
        return node in self.memory or node in self.kept


def is_memory(node: Tensor) -> bool:
    """Leaves with memory, and views of memory."""
    if node.op in (Op.PLACEHOLDER, Op.VARIABLE):
        return True
    if node.op is Op.CONSTANT:
        return constant_number(node) is None
    if node.op is Op.RESHAPE and is_view(node.inputs[0].shape, node.shape, node.dtype):
        return not is_inline_number(node)
    return False


def is_inline_number(node: Tensor) -> bool:
    """A constant of one number or the number of rows, maybe reshaped: computed on the spot."""
    while node.op in (Op.RESHAPE, Op.BROADCAST) and all(dim == 1 for dim in node.shape):
        node = node.inputs[0]
    return constant_number(node) is not None or node.op is Op.ROW_COUNT


def buffer_of(node: Tensor) -> Tensor:
    """The node whose memory a view shows, else the node itself."""
    while node.op is Op.RESHAPE and is_view(node.inputs[0].shape, node.shape, node.dtype):
        node = node.inputs[0]
    return node


def _is_opaque(node: Tensor) -> bool:
    if node.op is Op.RESHAPE:
        return not is_view(node.inputs[0].shape, node.shape, node.dtype)
    if node.op in (Op.SUM, Op.MAX):
        return reduction_kind(node) == OTHER
    return node.op is Op.MATMUL or node.op in MOVES


def _needs_memory(node: Tensor) -> bool:
    return node.op not in LEAVES and not is_inline_number(node)


def required(graph: Graph) -> set[Tensor]:
    """The nodes that must have memory, whatever is fused."""
    kept: set[Tensor] = set()

    def keep(node: Tensor) -> None:
        node = buffer_of(node)
        if _needs_memory(node):
            kept.add(node)

    for node in graph.roots:
        keep(node)
    for node in graph.nodes():
        if _is_opaque(node):
            if node.op is not Op.MATMUL:
                kept.add(node)
            for source in node.inputs:
                keep(source)
        elif node.op is Op.RESHAPE:
            keep(node)
        elif node.op in (Op.SUM, Op.MAX):
            if reduction_kind(node) != LINE:
                kept.add(node)
        elif node.op is Op.BROADCAST and _repeats_lines(node):
            keep(node.inputs[0])
    kept |= slow_inputs(graph) | mixed_widths(graph)
    return kept | too_large(graph, kept)


#: Steps of an expression one inside the other, at most about so many: what writes their code calls
#: itself for each. And products that it reads at most: it is walked again for each of them.
DEEPEST, MOST_PRODUCTS = 100, 8


def too_large(graph: Graph, kept: set[Tensor]) -> set[Tensor]:
    """Nodes that cut long expressions, such as a gradient added up over hundreds of time steps."""
    found: set[Tensor] = set()
    depth: dict[Tensor, int] = {}
    products: dict[Tensor, frozenset[Tensor]] = {}
    for node in graph.nodes():
        if node.op is Op.MATMUL and node not in kept:
            products[node] = frozenset([node])
        if is_memory(node) or _is_opaque(node) or node in kept:
            continue
        deep = 1 + max((depth.get(source, 0) for source in node.inputs), default=0)
        read = frozenset[Tensor]().union(*(products.get(n, ()) for n in node.inputs))
        over = deep > DEEPEST or len(read) > MOST_PRODUCTS
        if over and node.op not in (Op.BROADCAST, Op.RESHAPE):
            found.add(node)
        else:
            depth[node], products[node] = deep, read
    return found


def mixed_widths(graph: Graph) -> set[Tensor]:
    """Sums over lines that meet lines of another width: a kernel walks lines of one width only."""
    found: set[Tensor] = set()
    # The sums over lines, by their width, that a number a line is computed from on the spot.
    inside: dict[Tensor, dict[int, set[Tensor]]] = {}
    for node in graph.nodes():
        sums: dict[int, set[Tensor]] = {}
        for source in node.inputs:
            for width, nodes in inside.get(source, {}).items():
                sums.setdefault(width, set()).update(nodes)
        if is_memory(node) or _is_opaque(node):
            continue
        own = line_width(node)
        if own > 1:
            found.update(*(nodes for width, nodes in sums.items() if width != own))
        elif node.op in (Op.SUM, Op.MAX) and line_width(node.inputs[0]) > 1:
            inside[node] = {line_width(node.inputs[0]): {node}}
        elif len(sums) > 1:
            found.update(*sums.values())
        else:
            inside[node] = sums
    return found


def slow_inputs(graph: Graph) -> set[Tensor]:
    """Sums over lines that lead to a logarithm or the like of one number a line.

    They are kept, and what follows is left to a kernel of its own that takes many lines at a time:
    one vector instruction for sixteen logarithms instead of sixteen.
    """
    found: set[Tensor] = set()
    for node in graph.nodes():
        if node.op in SLOW and line_width(node) == 1 and None in node.shape:
            found |= {n for n in walk_expression([node], is_memory) if _reduces_line(n)}
    if not found:
        return found
    for node in graph.nodes():
        if node.op is not Op.BROADCAST and line_width(node) == 1:
            found |= {n for n in node.inputs if _reduces_line(n) and None in n.shape}
    return found


def _reduces_line(node: Tensor) -> bool:
    return node.op in (Op.SUM, Op.MAX) and line_width(node.inputs[0]) > 1


#: Long even for one number.
SLOW = HEAVY - {Op.DIV, Op.SQRT}


def _repeats_lines(node: Tensor) -> bool:
    """True when a broadcast uses the same line, or the same number, for many lines."""
    source = node.inputs[0]
    axes = len(node.shape) if node.shape[-1] is None else len(node.shape) - 1
    outer = [k for k in range(axes) if source.shape[k] == 1 and node.shape[k] != 1]
    # One number used along a single line is also computed once only.
    single = all(dim == 1 for dim in source.shape) and any(dim != 1 for dim in node.shape)
    return bool(outer) or single


def build_schedule(graph: Graph) -> Schedule:
    """Kernels for the graph, fused, in an order that respects every use."""
    kept = required(graph)
    memory = frozenset(node for node in graph.nodes() if is_memory(node))
    while True:
        builder = _Builder(graph, set(kept), memory)
        builder.build()
        again = builder.heavy_twice()
        if not again:
            return Schedule(builder.kernels, frozenset(builder.kept), memory)
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
        self.memory = memory
        self.kept = kept
        self.kernels: list[Kernel] = []
        self.done_at: dict[Tensor, int] = {}
        self.local: set[Tensor] = set()
        # What expressions read, as long as nothing more is kept.
        self._leaves: dict[Tensor, list[Tensor]] = {}
        self._kept_then = len(kept)

    def is_leaf(self, node: Tensor) -> bool:
        return node in self.memory or node in self.kept or node.op is Op.MATMUL

    # -- the walk -------------------------------------------------------------------------------

    def build(self) -> None:
        results = {buffer_of(new) for _, new in self.graph.updates}
        # A new value that a product or a move needs cannot wait for the end.
        results -= self._before_opaque()
        # What does not depend on the rows comes first: everybody may use it.
        order = sorted(self.graph.nodes(), key=_depends_on_rows(self.graph).__contains__)
        last = [node for node in order if node in results and node in self.kept]
        last = [node for node in last if not _is_opaque(node)]
        late = set(last)
        # A node that reads a late one must be late too.
        for node in order:
            if node in self.kept and node not in late and not _is_opaque(node):
                reads = {buffer_of(n) for n in self.leaves(node)}
                if reads & late:
                    late.add(node)
                    last.append(node)
        late_products = self._late_products(order, late)
        for node in order:
            if node in late_products:
                continue
            if node.op is Op.MATMUL:
                self._new(Kernel("product", node.shape, node), node)
            elif node in self.kept and node not in late:
                if _is_opaque(node):
                    self._new(Kernel("move", node.shape, node, [node]), node)
                else:
                    self._place(node)
        for node in order:
            if node in late_products:
                self._new(Kernel("product", node.shape, node, updates=True), node)
            elif node in late:
                self._place(node, update=True)
        for kernel in self.kernels:
            if kernel.kind == "product":
                assert kernel.node is not None
                if kernel.node in self.kept:
                    kernel.members.insert(0, kernel.node)

    def _before_opaque(self) -> set[Tensor]:
        """The nodes that lead to products, moves and the like."""
        found: set[Tensor] = set()
        for node in reversed(self.graph.nodes()):
            if node in found or _is_opaque(node):
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
            stops = node in late or node in self.kept or _is_opaque(node)
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

    def _new(self, kernel: Kernel, node: Tensor) -> None:
        self.kernels.append(kernel)
        self.done_at[node] = len(self.kernels) - 1
        if kernel.kind == "product":
            self.local.add(node)

    def leaves(self, node: Tensor) -> list[Tensor]:
        """What the expression of a node reads from memory or from a product's accumulators."""
        if len(self.kept) != self._kept_then:
            self._leaves.clear()
            self._kept_then = len(self.kept)
        if node not in self._leaves:
            expression = walk_expression([node], self._stop(node))
            self._leaves[node] = [n for n in expression if n is not node and self.is_leaf(n)]
        return self._leaves[node]

    def _stop(self, root: Tensor) -> Callable[[Tensor], bool]:
        return lambda n: n is not root and self.is_leaf(n)

    def ready_at(self, node: Tensor) -> int:
        """Index of the kernel that gives the memory of a node; -1 for what is given."""
        return self.done_at.get(buffer_of(node), -1)

    def _space(self, node: Tensor) -> Shape:
        """The shape that the loops of a node's expression run over."""
        space: Shape = node.shape
        for n in walk_expression([node], self._stop(node)):
            if is_inline_number(n) or (n is not node and constant_number(n) is not None):
                continue
            if n is node or len(n.shape) == len(node.shape):
                try:
                    space = broadcast_shapes(space, n.shape)
                except ShapeError:
                    continue
        return space

    def _place(self, node: Tensor, update: bool = False) -> None:
        while True:
            space = self._space(node)
            reads = self.leaves(node)
            # No kernel before the last of what is read can be joined.
            ready = max((self.ready_at(source) for source in reads), default=0)
            for k in range(max(ready, 0), len(self.kernels)):
                kernel = self.kernels[k]
                if self._joins(node, space, reads, k, kernel, update):
                    kernel.members.append(node)
                    self.done_at[node] = k
                    if not (node.op in (Op.SUM, Op.MAX) and reduction_kind(node) != LINE):
                        self.local.add(node)
                    return
            products = [n for n in reads if n.op is Op.MATMUL and n not in self.kept]
            if not products:
                break
            if update:
                # The gradient itself: the optimizer uses it more than once.
                self.kept.add(products[0])
            else:
                self._cut(node, products[0])
        kernel = Kernel("lines", space, None, [node], update)
        self.kernels.append(kernel)
        self.done_at[node] = len(self.kernels) - 1
        if not (node.op in (Op.SUM, Op.MAX) and reduction_kind(node) != LINE):
            self.local.add(node)

    def _joins(
        self,
        node: Tensor,
        space: Shape,
        reads: list[Tensor],
        k: int,
        kernel: Kernel,
        update: bool,
    ) -> bool:
        if kernel.kind == "move" or kernel.space != space or kernel.updates != update:
            return False
        for source in reads:
            at = self.ready_at(source)
            if at > k:
                return False
            if at == k and (buffer_of(source) not in self.local or buffer_of(source) is not source):
                return False
            # The accumulators of another product are not in memory.
            if at < k and source.op is Op.MATMUL and source not in self.kept:
                return False
        if bool(space) and (space[-1] or 1) > 1 and self._is_slow(node):
            return False
        if kernel.kind == "product":
            assert kernel.node is not None
            near = kernel.node in reads or any(self.ready_at(n) == k for n in reads)
            return near and self._in_epilogue(node, space, kernel.node)
        if not update:
            return True
        mine = {buffer_of(n) for n in reads if line_width(n) > 1 or len(n.shape) == 0}
        theirs = {buffer_of(n) for member in kernel.members for n in self.leaves(member)}
        return bool(mine & theirs) or any(self.ready_at(n) == k for n in reads)

    def _is_slow(self, node: Tensor) -> bool:
        """True when one number a line goes through a long function."""
        return any(
            n.op in SLOW and line_width(n) == 1 and None in n.shape and not self.is_leaf(n)
            for n in walk_expression([node], self._stop(node))
        )

    def _in_epilogue(self, node: Tensor, space: Shape, product: Tensor) -> bool:
        inner = walk_expression([node], self._stop(node))
        in_memory = [n for n in inner if n is node or (self.is_leaf(n) and not is_inline_number(n))]
        if not all(padded_alike(n, product) for n in in_memory):
            return False
        reduced = node.op in (Op.SUM, Op.MAX)
        if reduced and (reduction_kind(node) == LINE or node.shape[-1] != space[-1]):
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
            if n.op not in (Op.SUM, Op.MAX) or n is not node
        ) and all(n is node or self.is_leaf(n) or n.op not in (Op.SUM, Op.MAX) for n in inner)

    def _cut(self, node: Tensor, product: Tensor) -> None:
        """Keep what of the node's expression can be computed at the end of the product."""
        k = self.done_at[product]
        kernel = self.kernels[k]
        inside: dict[Tensor, bool] = {}
        expression = walk_expression([node], self._stop(node))
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
            reads = self.leaves(n)
            inside[n] = n.op not in (Op.SUM, Op.MAX) and self._joins(
                n, self._space(n), reads, k, kernel, False
            )
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
            self.kept.add(n)
            if n is not product:
                kernel.members.append(n)
                self.done_at[n] = k
                self.local.add(n)

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
        """Heavy nodes, not kept yet, that two kernels would compute."""
        seen: dict[Tensor, int] = {}
        twice: set[Tensor] = set()
        for k, kernel in enumerate(self.kernels):
            if kernel.kind == "move":
                continue
            nodes: set[Tensor] = set()
            for member in kernel.members:
                if member is kernel.node:
                    continue
                nodes |= set(walk_expression([member], self._stop(member)))
            for node in nodes:
                worth = node.op in HEAVY or (
                    node.op in (Op.SUM, Op.MAX) and reduction_kind(node) == LINE
                )
                if not worth or self.is_leaf(node) or is_inline_number(node):
                    continue
                if seen.setdefault(node, k) != k:
                    twice.add(node)
        return twice


def expression_reads(schedule: Schedule, kernel: Kernel) -> list[Tensor]:
    """The memory that a kernel reads, each buffer once."""
    if kernel.kind == "move":
        assert kernel.node is not None
        roots = [n for n in kernel.node.inputs if not is_inline_number(n)]
    else:
        roots = []
        for member in kernel.members:
            if member is kernel.node:
                continue

            def stop(n: Tensor, member: Tensor = member) -> bool:
                return n is not member and (schedule.is_leaf(n) or n is kernel.node)

            roots += [
                n
                for n in walk_expression([member], stop)
                if n is not member and n is not kernel.node and schedule.is_leaf(n)
            ]
        if kernel.node is not None:
            roots += list(kernel.node.inputs)
    return list(dict.fromkeys(buffer_of(n) for n in roots))
