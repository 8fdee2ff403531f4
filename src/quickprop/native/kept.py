"""Which nodes get memory of their own.

Everything else elementwise is computed where it is needed, inside the kernels of the kept nodes,
from kept nodes. Kept are

- results, what matrix products and moves read, sums over lines;
- what is one number or one line but is used for many lines, so that it is computed once;
- what would make an expression too long, or one whose lines have two widths.

Heavy nodes (exp, tanh, ...) that two kernels would compute are found when there are kernels.
"""

from __future__ import annotations

from quickprop.graph import Graph, Op, Tensor
from quickprop.graph.primitives import LEAVES
from quickprop.native.buffers import view_root
from quickprop.native.elementwise import HEAVY, constant_number, line_width, walk_expression
from quickprop.native.layout import is_view
from quickprop.native.reductions import Reach, reach_of

#: Nodes that are a kernel by themselves: nothing is fused with them.
ALONE = frozenset(
    {Op.TRANSPOSE, Op.SLICE, Op.PAD, Op.CONCAT, Op.GATHER, Op.SCATTER_ADD, Op.RESHAPE}
    | {Op.PATCHES, Op.PATCHES_ADD, Op.BATCH_MATMUL}
)
#: What has memory before anything is computed.
GIVEN = frozenset({Op.PLACEHOLDER, Op.VARIABLE, Op.CONSTANT})


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


def is_opaque(node: Tensor) -> bool:
    """True when nothing can be computed from a node's sources on the spot: they need memory."""
    if node.op is Op.RESHAPE:
        return not is_view(node.inputs[0].shape, node.shape, node.dtype)
    if node.op in (Op.SUM, Op.MAX):
        return reach_of(node) is Reach.OTHER
    return node.op is Op.MATMUL or node.op in ALONE


def _needs_memory(node: Tensor) -> bool:
    return node.op not in LEAVES and not is_inline_number(node)


def required(graph: Graph) -> set[Tensor]:
    """The nodes that must have memory, whatever is fused."""
    kept: set[Tensor] = set()

    def keep(node: Tensor) -> None:
        node = view_root(node)
        if _needs_memory(node):
            kept.add(node)

    for node in graph.roots:
        keep(node)
    for node in graph.nodes():
        if is_opaque(node):
            if node.op is not Op.MATMUL:
                kept.add(node)
            for source in map(view_root, node.inputs):
                # Even one number, such as the number of rows: these kernels read memory only.
                if source.op not in GIVEN:
                    kept.add(source)
        elif node.op is Op.RESHAPE:
            keep(node)
        elif node.op in (Op.SUM, Op.MAX):
            if reach_of(node) is not Reach.LINE:
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
        if is_memory(node) or is_opaque(node) or node in kept:
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
        if is_memory(node) or is_opaque(node):
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
    slow = [n for n in graph.nodes() if n.op in SLOW and line_width(n) == 1 and None in n.shape]
    found = {n for n in walk_expression(slow, is_memory) if _reduces_line(n)}
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
