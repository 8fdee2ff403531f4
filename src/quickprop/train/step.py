"""One step of training as a graph: forward, backward, regularisers, schedule and update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.graph import ROWS, Graph, Op, Shape, Tensor, placeholder, variable, walk
from quickprop.losses import Loss
from quickprop.nn import Network
from quickprop.ops.elementary import cast
from quickprop.ops.reference import evaluate
from quickprop.optim import Constant, Optimizer, Schedule
from quickprop.train.averaging import Averaging, averages
from quickprop.train.regularisers import Regularisers


@dataclass(frozen=True)
class TrainingStep:
    """The graph of a step and its loose ends.

    Parameters
    ----------
    graph : Graph
        Its output is the loss of the batch.
    target, weights : Tensor
        Placeholders of the target and, if rows are weighted, of their factors.
    partner : tuple of two Tensor, or None
        Placeholders of the target and the factors of the partners, if rows are mixed.
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
    averages : mapping of Tensor to Tensor
        The variable with the average of each variable of the network; empty without averaging.
    """

    graph: Graph
    target: Tensor
    weights: Tensor | None
    partner: tuple[Tensor, Tensor] | None
    learning_rate: Tensor
    seed: Tensor | None
    step: Tensor
    total_steps: Tensor
    rate: Tensor
    rate_step: Tensor
    state: tuple[Tensor, ...]
    schedule_state: tuple[Tensor, ...]
    averages: Mapping[Tensor, Tensor]

    def rate_at(self, base_rate: float, steps: int) -> float:
        """The learning rate of the step after so many."""
        if self.rate is self.learning_rate:
            return base_rate
        given = {self.learning_rate: np.asarray(base_rate), self.rate_step: np.asarray(steps)}
        outputs, _ = evaluate(Graph(tuple(given), (self.rate,)), given)
        return float(outputs[0])

    def rate_document(self) -> dict[str, Any]:
        """What the schedule computes, as plain data: a function of one's own has no settings."""
        return _described(Graph((self.learning_rate, self.rate_step), (self.rate,)))


def loss_document(network: Network, loss: Loss) -> dict[str, Any]:
    """What the loss computes, as plain data: one of one's own has no settings."""
    output = placeholder((ROWS, network.width), network.dtype, "output")
    target = loss.target_placeholder(network.width, network.dtype)
    return _described(Graph((output, target), (loss.per_target(output, target),)))


def _described(graph: Graph) -> dict[str, Any]:
    # The text leaves out the numbers of variables and of long constants.
    leaves = [node for node in graph.nodes() if node.op in (Op.CONSTANT, Op.VARIABLE)]
    return {"graph": str(graph), "values": [leaf.value.tolist() for leaf in leaves]}


def training_step(
    network: Network,
    loss: Loss,
    optimizer: Optimizer,
    schedule: Schedule | None = None,
    regularisers: Regularisers | None = None,
    averaging: Averaging | None = None,
    weights_shape: Shape | None = None,
    mixed: bool = False,
) -> TrainingStep:
    """Write the step of a network.

    Penalties change the gradients as if they stood in the loss; the loss that is reported stays
    that of the data.

    Parameters
    ----------
    weights_shape : tuple, optional
        The shape of the factors of the rows, if they are weighted.
    mixed : bool
        Whether every row has a partner, whose target counts too; rows are weighted then.
    """
    kind = network.dtype
    target = loss.target_placeholder(network.width, kind)
    weights = None if weights_shape is None else placeholder(weights_shape, kind, "weights")
    learning_rate = placeholder((), kind, "learning_rate")
    seed = placeholder((), DType.int32, "seed")
    step = variable(0, DType.int32, "train.step")
    total_steps = variable(0.0, kind, "train.total_steps")
    gathered: list[tuple[Tensor, Tensor]] = []
    output = network.output(True, seed, step, loss=loss, updates=gathered)
    value = loss(output, target, weights)
    partner = None
    if mixed:
        assert weights is not None
        partner = (
            placeholder(target.shape, target.dtype, "partner target"),
            placeholder(weights.shape, kind, "partner weights"),
        )
        value = value + loss(output, *partner)
    regularisers = regularisers or Regularisers()
    value, *now = regularisers.noisy([value, *(new for _, new in gathered)], network, seed, step)
    gathered = [(old, new) for (old, _), new in zip(gathered, now, strict=True)]
    parameters = network.parameters
    changed_gradients = regularisers.penalised_and_clipped(gradients(value, parameters), network)
    rates = schedule or Constant()
    schedule_state = rates.state(kind)
    rate = rates.rate(learning_rate, cast(step, kind), total_steps, schedule_state)
    updates = regularisers.constrained(
        optimizer.updates(parameters, changed_gradients, rate, step), network
    )
    updates += gathered
    own = set(network.variables)
    kept: dict[Tensor, Tensor] = {}
    if averaging is not None:
        changed = [(old, new) for old, new in updates if old in own]
        kept, more = averages(averaging, changed, step, total_steps)
        updates += more
    rate_step = placeholder((), kind, "step")
    nodes = set(walk([value, *(new for _, new in updates)]))
    if step in nodes:
        updates.append((step, step + 1))
    loose = (*network.inputs, target, weights, *(partner or ()), learning_rate, seed)
    # Those with rows stay even when nothing reads them: the number of rows comes from them.
    inputs = tuple(
        leaf for leaf in loose if leaf is not None and (leaf in nodes or leaf.shape != ())
    )
    return TrainingStep(
        Graph(inputs, (value,), tuple(updates)),
        target,
        weights,
        partner,
        learning_rate,
        seed if seed in nodes else None,
        step,
        total_steps,
        rates.rate(learning_rate, rate_step, total_steps, schedule_state),
        rate_step,
        (*(old for old, _ in updates if old not in own), *schedule_state),
        schedule_state,
        kept,
    )
