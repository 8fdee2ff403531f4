"""The order that groups run in: what ends in numbers without rows runs as soon as it can.

The graph of a training step leads to the new weights of the first layer first, and so through all
of the backward pass before any gradient of a weight. In that order everything that the gradients
are made of, for all rows and all layers, would be in memory at the end of the step. A gradient that
is computed as soon as it can be, and its update with it, frees what it is made of, and finds it in
the caches.
"""

from __future__ import annotations

from quickprop.graph import Graph, Tensor
from quickprop.native.buffers import view_root
from quickprop.native.elementwise import walk_expression
from quickprop.native.groups import Group, Schedule, Work


def in_order(schedule: Schedule, graph: Graph) -> list[Group]:
    """The groups of a schedule, those without rows as early as what they read allows.

    Every use is respected: a new value comes after all that read the old one, as it did before.
    """
    groups = schedule.groups
    reads = [_reads(group, schedule) for group in groups]
    readers: dict[Tensor, list[int]] = {}
    for k, sources in enumerate(reads):
        for source in sources:
            readers.setdefault(source, []).append(k)
    writer = {node: k for k, group in enumerate(groups) for node in group.members}
    replaced: dict[Tensor, list[Tensor]] = {}
    for old, new in graph.updates:
        replaced.setdefault(view_root(new), []).append(old)
    # For each group the last of those that it must follow and that stay where they are.
    after: list[int] = []
    for k, group in enumerate(groups):
        if any(None in node.shape for node in group.members):
            after.append(k)
            continue
        before = [writer[source] for source in reads[k] if source in writer]
        for node in group.members:
            for old in replaced.get(node, ()):
                before += readers.get(old, ())
        after.append(max((after[j] for j in before if j < k), default=-1))
    return [groups[k] for k in sorted(range(len(groups)), key=lambda k: (after[k], k))]


def _reads(group: Group, schedule: Schedule) -> set[Tensor]:
    """What a group reads from memory."""
    if group.work is Work.ALONE:
        return {view_root(source) for node in group.members for source in node.inputs}
    own = set(group.members)
    nodes = walk_expression(group.members, lambda n: schedule.is_leaf(n) and n not in own)
    found = {view_root(n) for n in nodes if schedule.is_leaf(n) and n not in own}
    if group.node is not None:
        found.update(map(view_root, group.node.inputs))
    return found
