"""The step of an estimator as graph."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.estimators.objective import Objective, batch_terms
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import ROWS, Graph, Tensor, placeholder, variable, walk
from quickprop.nn import Network
from quickprop.ops.elementary import cast, sum
from quickprop.optim import Optimizer, Schedule
from quickprop.passes import optimise
from quickprop.train.graph_template import KEPT, NetworkTemplate, structure_key_with


class Forward:
    """The leaves of a step and the loss of each row."""

    def __init__(self, network: Network, objective: Objective, weighted: bool) -> None:
        kind = network.dtype
        self.target = objective.loss.target_placeholder(network.width, kind)
        self.weights = placeholder((ROWS,), kind, "weights") if weighted else None
        self.seed = placeholder((), DType.int32, "seed")
        self.step = variable(0, DType.int32, "train.step")
        gathered: list[tuple[Tensor, Tensor]] = []
        output = network.output(True, self.seed, self.step, loss=objective.loss, updates=gathered)
        self.gathered = tuple(gathered)
        self.losses = objective.loss.per_row(output, self.target)
        leaves = (*network.inputs, self.target, self.weights)
        self.with_rows = tuple(leaf for leaf in leaves if leaf is not None)

    def graph(
        self, loss: Tensor, updates: Sequence[tuple[Tensor, Tensor]], *scalars: Tensor
    ) -> Graph:
        """The step, with those of the scalar placeholders that it reads."""
        updates = (*updates, *self.gathered)
        nodes = set(walk([loss, *(new for _, new in updates)]))
        if self.step in nodes:
            updates = (*updates, (self.step, self.step + 1))
        used = (leaf for leaf in (*scalars, self.seed) if leaf in nodes)
        return Graph((*self.with_rows, *used), (loss,), tuple(updates))


@dataclass(frozen=True)
class StepSpec:
    """What a step does, apart from the network.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
    schedule : Schedule
    weighted : bool
        Whether rows have factors.
    decay : bool
        Whether weights shrink by ``rate * decay`` of themselves at each step.
    """

    objective: Objective
    optimizer: Optimizer
    schedule: Schedule
    weighted: bool
    decay: bool


@dataclass(frozen=True)
class Given:
    """The placeholders of a step.

    Parameters
    ----------
    with_rows : tuple of Tensor
        The network's inputs, the target, and the weights if there are any.
    rate, alpha, decay, seed : Tensor
        Single numbers; the graph has those that it reads.
    """

    with_rows: tuple[Tensor, ...]
    rate: Tensor
    alpha: Tensor
    decay: Tensor
    seed: Tensor


@dataclass(frozen=True)
class Step:
    """A step as graph.

    Parameters
    ----------
    graph : Graph
    given : Given
    total_steps : Tensor
        The variable that says how many steps are planned.
    schedule_state : tuple of Tensor
        The variables of the schedule.
    """

    graph: Graph
    given: Given
    total_steps: Tensor
    schedule_state: tuple[Tensor, ...]


def write_step(network: Network, spec: StepSpec) -> Step:
    """Write the step of a network."""
    kind, objective = network.dtype, spec.objective
    forward = Forward(network, objective, spec.weighted)
    rate, alpha = placeholder((), kind, "learning_rate"), placeholder((), kind, "alpha")
    decay = placeholder((), kind, "weight_decay")
    terms = batch_terms(forward.losses, forward.weights, kind)
    factor = alpha * terms.share
    penalised = network.penalised
    squares = sum(penalised[0] * penalised[0])
    for parameter in penalised[1:]:
        squares = squares + sum(parameter * parameter)
    loss = terms.data * objective.reported + squares * factor * 0.5
    slopes = [
        slope + parameter * factor if parameter in penalised else slope
        for parameter, slope in zip(
            network.parameters,
            gradients(terms.data * objective.learned, network.parameters),
            strict=True,
        )
    ]
    total_steps = variable(0.0, kind, "train.total_steps")
    state = spec.schedule.state(kind)
    now = spec.schedule.rate(rate, cast(forward.step, kind), total_steps, state)
    updates = spec.optimizer.updates(network.parameters, slopes, now, forward.step)
    if spec.decay:
        # Apart from the slopes, as in AdamW: what an optimizer remembers knows nothing of it.
        shrunk = now * decay
        updates = [(old, new - old * shrunk if old in penalised else new) for old, new in updates]
    graph = forward.graph(loss, updates, rate, alpha, decay)
    given = Given(forward.with_rows, rate, alpha, decay, forward.seed)
    return Step(optimise(graph), given, total_steps, state)


_TEMPLATES: LruCache[Hashable, tuple[NetworkTemplate, Given]] = LruCache(KEPT)


def step_of(network: Network, spec: StepSpec) -> Step:
    """The step of a network: filled in when one of the same structure was written before."""
    key = structure_key_with(network, spec.objective.loss, spec.optimizer, spec.schedule)
    if key is None:
        return write_step(network, spec)
    known = _TEMPLATES.get((key, spec))
    if known is not None:
        written, given = known
        graph, (total_steps, *state) = written.instantiate(network)
        return Step(graph, given, total_steps, tuple(state))
    step = write_step(network, spec)
    written = NetworkTemplate(step.graph, network, (step.total_steps, *step.schedule_state))
    _TEMPLATES.put((key, spec), (written, step.given))
    return step
