"""One step of training as a graph: forward, backward, penalty, schedule and update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.graph import ROWS, Graph, Op, Tensor, placeholder, variable, walk
from quickprop.nn import Loss, Network
from quickprop.ops.elementary import cast
from quickprop.ops.reference import evaluate
from quickprop.optim import Constant, Optimizer, Schedule


@dataclass(frozen=True)
class TrainingStep:
    """The graph of a step and its loose ends.

    Parameters
    ----------
    graph : Graph
        Its output is the loss of the batch.
    target, weights : Tensor
        Placeholders of the target and, if rows are weighted, of their factors.
    learning_rate : Tensor
        Placeholder of the base rate.
    seed : Tensor or None
        Placeholder of the seed of random layers, if there are any.
    step, total_steps : Tensor
        Variables: steps made, steps planned.
    rate, rate_step : Tensor
        What the schedule makes of the base rate, for a number of steps made given by a placeholder.
    state : tuple of Tensor
        Every variable that a step changes, those of the network left out; and the schedule's.
    schedule_state : tuple of Tensor
        Those that the schedule changes after an epoch.
    """

    graph: Graph
    target: Tensor
    weights: Tensor | None
    learning_rate: Tensor
    seed: Tensor | None
    step: Tensor
    total_steps: Tensor
    rate: Tensor
    rate_step: Tensor
    state: tuple[Tensor, ...]
    schedule_state: tuple[Tensor, ...]

    def rate_at(self, base_rate: float, steps: int) -> float:
        """The learning rate of the step after so many."""
        if self.rate is self.learning_rate:
            return base_rate
        given = {self.learning_rate: np.asarray(base_rate), self.rate_step: np.asarray(steps)}
        outputs, _ = evaluate(Graph(tuple(given), (self.rate,)), given)
        return float(outputs[0])

    def rate_document(self) -> dict[str, Any]:
        """What the schedule computes, as plain data: a function of one's own has no settings."""
        graph = Graph((self.learning_rate, self.rate_step), (self.rate,))
        # The text leaves out the numbers of variables and of long constants.
        leaves = [node for node in graph.nodes() if node.op in (Op.CONSTANT, Op.VARIABLE)]
        return {"graph": str(graph), "values": [leaf.value.tolist() for leaf in leaves]}


def training_step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    schedule: Schedule | None = None,
    l2: float = 0.0,
    weighted: bool = False,
) -> TrainingStep:
    """Write the step of a network.

    The penalty adds ``l2 * w`` to the gradient of each weight, as ``l2 / 2 * sum(w**2)`` in the
    loss would; the loss that is reported stays that of the data.
    """
    kind = network.dtype
    target = loss.target_placeholder(network.width, kind)
    weights = placeholder((ROWS,), kind, "weights") if weighted else None
    learning_rate = placeholder((), kind, "learning_rate")
    seed = placeholder((), DType.int32, "seed")
    step = variable(0, DType.int32, "train.step")
    total_steps = variable(0.0, kind, "train.total_steps")
    gathered: list[tuple[Tensor, Tensor]] = []
    output = network.output(True, seed, step, link=loss.link, updates=gathered)
    value = loss(output, target, weights)
    parameters = network.parameters
    slopes = gradients(value, parameters)
    if l2:
        # A variable and not a constant: another penalty then runs the same compiled code.
        factor = variable(l2, kind, "train.l2")
        penalised = set(network.penalised)
        slopes = [
            slope + parameter * factor if parameter in penalised else slope
            for parameter, slope in zip(parameters, slopes, strict=True)
        ]
    rates = schedule or Constant()
    schedule_state = rates.state(kind)
    rate = rates.rate(learning_rate, cast(step, kind), total_steps, schedule_state)
    updates = [*optimizer.updates(parameters, slopes, rate, step), *gathered]
    rate_step = placeholder((), kind, "step")
    nodes = set(walk([value, *(new for _, new in updates)]))
    if step in nodes:
        updates.append((step, step + 1))
    own = set(network.variables)
    loose = (*network.inputs, target, weights, learning_rate, seed)
    # Those with rows stay even when nothing reads them: the number of rows comes from them.
    inputs = tuple(
        leaf for leaf in loose if leaf is not None and (leaf in nodes or leaf.shape != ())
    )
    return TrainingStep(
        Graph(inputs, (value,), tuple(updates)),
        target,
        weights,
        learning_rate,
        seed if seed in nodes else None,
        step,
        total_steps,
        rates.rate(learning_rate, rate_step, total_steps, schedule_state),
        rate_step,
        (*(old for old, _ in updates if old not in own), *schedule_state),
        schedule_state,
    )
