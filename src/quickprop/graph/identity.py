"""When two graphs compute the same, whatever their variables hold and their nodes are called."""

from __future__ import annotations

import hashlib

from quickprop.graph.graph import Graph
from quickprop.graph.primitives import Op
from quickprop.graph.tensor import Tensor


def variables_of(graph: Graph) -> tuple[Tensor, ...]:
    """The variables that a graph changes or reads, in the order of their slots."""
    read = [node for node in graph.nodes() if node.op is Op.VARIABLE]
    return tuple(dict.fromkeys([old for old, _ in graph.updates] + read))


def identity(graph: Graph) -> str:
    """Text that is equal for graphs with the same code: everything but names and values held."""
    number: dict[Tensor, int] = {}
    parts = []
    for node in (*graph.inputs, *variables_of(graph), *graph.nodes()):
        if node in number:
            continue
        inputs = [number[source] for source in node.inputs]
        number[node] = len(number)
        settings = []
        for name, value in node.attributes:
            if name == "value":
                value = hashlib.sha256(value.tobytes()).hexdigest()
            if name != "storage":
                settings.append((name, value))
        parts.append(f"{node.op.value}{inputs}{settings}{node.shape}{node.dtype}")
    outputs = [number[out] for out in graph.outputs]
    updates = [(number[old], number[new]) for old, new in graph.updates]
    return "\n".join([*parts, str(len(graph.inputs)), str(outputs), str(updates)])
