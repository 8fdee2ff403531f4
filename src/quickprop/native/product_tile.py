"""What of an expression is computed on the tile of a product, before it goes to memory."""

from __future__ import annotations

from collections.abc import Callable

from quickprop.graph import Tensor
from quickprop.graph.primitives import REDUCTIONS
from quickprop.native.expressions import Look
from quickprop.native.gemm.epilogue import fits_epilogue, lines_fit, padded_alike
from quickprop.native.kept import is_inline_number
from quickprop.native.reductions import Reach, reach_of


def fits_on_tile(look: Look, product: Tensor, is_leaf: Callable[[Tensor], bool]) -> bool:
    """Whether a node can be computed on the spot where the product's numbers arise."""
    node, space, inner = look.node, look.space, look.nodes
    in_memory = [n for n in inner if n is node or (is_leaf(n) and not is_inline_number(n))]
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
        or (lines_fit(n, space) if is_leaf(n) else fits_epilogue(n, space))
        for n in inner
        if n.op not in REDUCTIONS or n is not node
    ) and all(n is node or is_leaf(n) or n.op not in REDUCTIONS for n in inner)


def last_on_tile(
    look: Look,
    product: Tensor,
    fits: Callable[[Tensor], bool],
    is_leaf: Callable[[Tensor], bool],
) -> list[Tensor]:
    """The last nodes of an expression that can be computed on the tile of a product.

    Parameters
    ----------
    fits : callable
        Whether the product's kernel can compute a node.
    is_leaf : callable
        Whether a node is read from memory.
    """
    inside: dict[Tensor, bool] = {}
    node, expression = look.node, look.nodes
    depends = {product}
    for n in expression:
        if any(source in depends for source in n.inputs) and (n is node or not is_leaf(n)):
            depends.add(n)
    for n in expression:
        if n not in depends:
            continue
        if n is product:
            inside[n] = True
            continue
        if n is node:
            continue
        inside[n] = n.op not in REDUCTIONS and fits(n)
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
        cuts = [_narrow(expression, inside, node, product)]
    return cuts


def _narrow(
    expression: list[Tensor], inside: dict[Tensor, bool], node: Tensor, product: Tensor
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
