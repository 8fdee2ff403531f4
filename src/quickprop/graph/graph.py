"""A whole computation: inputs, outputs and updates of variables; checked and printed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.errors import GraphError
from quickprop.foundation.deadline import look_at_the_clock
from quickprop.graph.primitives import LEAVES, Op
from quickprop.graph.shape_rules import ROWS, RULES, show_shape
from quickprop.graph.tensor import Tensor
from quickprop.graph.walking import walk


@dataclass(frozen=True)
class Graph:
    """Inputs, outputs and simultaneous updates of variables.

    Updates see the values that variables had before the call.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    updates: tuple[tuple[Tensor, Tensor], ...] = ()

    @property
    def roots(self) -> tuple[Tensor, ...]:
        """All tensors that must be computed."""
        return self.outputs + tuple(new for _, new in self.updates)

    def nodes(self) -> tuple[Tensor, ...]:
        """Every node, inputs before users."""
        return self._nodes

    @functools.cached_property
    def _nodes(self) -> tuple[Tensor, ...]:
        return tuple(walk(self.roots))

    @functools.cached_property
    def variables(self) -> tuple[Tensor, ...]:
        """The variables that are changed or read, those that are changed first."""
        read = [node for node in self.nodes() if node.op is Op.VARIABLE]
        return tuple(dict.fromkeys([old for old, _ in self.updates] + read))

    @functools.cached_property
    def identity(self) -> str:
        """Text that is equal for graphs with the same code.

        It says everything but what variables hold and how nodes are called.
        """
        number: dict[Tensor, int] = {}
        parts = []
        for node in (*self.inputs, *self.variables, *self.nodes()):
            look_at_the_clock()
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
            kind, dtype = node.op.value, node.dtype.value
            parts.append(f"{kind}{inputs}{settings}{node.shape}{dtype}")
        outputs = [number[out] for out in self.outputs]
        updates = [(number[old], number[new]) for old, new in self.updates]
        return "\n".join([*parts, str(len(self.inputs)), str(outputs), str(updates)])

    def with_roots(self, roots: Sequence[Tensor]) -> Graph:
        """The same inputs and variables with other tensors computed, in the order of `roots`."""
        cut = len(self.outputs)
        changed = [old for old, _ in self.updates]
        return Graph(self.inputs, tuple(roots[:cut]), tuple(zip(changed, roots[cut:], strict=True)))

    def verify(self) -> Graph:
        """Return the graph itself, or raise `GraphError` at the first broken rule."""
        for leaf in self.inputs:
            if leaf.op is not Op.PLACEHOLDER:
                raise GraphError("an input is not a placeholder", where=repr(leaf))
        if len(set(self.inputs)) != len(self.inputs):
            raise GraphError("an input is named twice", where="inputs")
        nodes = self.nodes()
        for node in nodes:
            look_at_the_clock()
            if node.op is Op.PLACEHOLDER and node not in self.inputs:
                raise GraphError(
                    "the outputs need a placeholder that is not among the inputs",
                    where=repr(node),
                    hint="add it to the inputs",
                )
            if node.op not in LEAVES:
                typed = tuple((source.shape, source.dtype) for source in node.inputs)
                expected = RULES[node.op](node.op, typed, dict(node.attributes))
                if expected != (node.shape, node.dtype):
                    raise GraphError(
                        "a node has not the shape and type its rule gives",
                        where=repr(node),
                        allowed=f"{expected[1].value}{show_shape(expected[0])}",
                    )
        for old, new in self.updates:
            if old.op is not Op.VARIABLE:
                raise GraphError("only variables can be updated", where=repr(old))
            if (old.shape, old.dtype) != (new.shape, new.dtype):
                raise GraphError(
                    "an update has not the shape and type of its variable",
                    where=repr(old),
                    given=repr(new),
                )
        if len({old for old, _ in self.updates}) != len(self.updates):
            raise GraphError("a variable is updated twice", where="updates")
        if any(ROWS in node.shape for node in nodes) and not any(
            ROWS in leaf.shape for leaf in self.inputs
        ):
            raise GraphError("rows are used but no input has a rows axis", where="inputs")
        return self

    def __str__(self) -> str:
        """One line a node, in the order of computation."""
        number: dict[Tensor, str] = {}
        lines = []
        for node in self.nodes():
            number[node] = f"%{len(number)}"
            args = [number[source] for source in node.inputs]
            for key, value in node.attributes:
                if key == "storage":
                    continue
                if key == "value":
                    value = value.tolist() if value.size <= 8 else "..."
                args.append(f"{key}={value}")
            label = f"  # {node.name}" if node.name else ""
            lines.append(
                f"{number[node]} = {node.op.value}({', '.join(args)}) : "
                f"{node.dtype.value}{show_shape(node.shape)}{label}"
            )
        lines.append("return " + ", ".join(number[out] for out in self.outputs))
        lines.extend(f"{number.get(old, old.name)} := {number[new]}" for old, new in self.updates)
        return "\n".join(lines)
