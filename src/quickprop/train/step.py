"""One step of training as a graph: forward, backward, regularisers, schedule and update."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.autodiff import gradients
from quickprop.config import DType
from quickprop.foundation.collection import collection_paused
from quickprop.foundation.lru_cache import LruCache
from quickprop.graph import ROWS, Graph, Op, Shape, Tensor, placeholder, variable, walk
from quickprop.losses import Loss
from quickprop.native import Rows
from quickprop.nn import Network
from quickprop.ops.elementary import cast
from quickprop.ops.reference import evaluate
from quickprop.optim import Constant, Optimizer, Schedule
from quickprop.passes import optimise
from quickprop.train.averaging import Averaging, averages
from quickprop.train.graph_template import KEPT, NetworkTemplate, structure_key_with
from quickprop.train.mixup import MixedRows
from quickprop.train.objective import Objective, Terms
from quickprop.train.rate_factors import Factors, factored
from quickprop.train.regularisers import Regularisers

Scalars = dict[Tensor, float | int]
_NO_SCHEDULE, _NO_REGULARISERS = Constant(), Regularisers()


@dataclass(frozen=True)
class StepSpec:
    """What a step does, apart from the network.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
    schedule : Schedule
    regularisers : Regularisers
    averaging : Averaging or None
    weights_shape : tuple or None
        The shape of the factors of rows, or of the columns of the loss, if there are any.
    mixed : bool
        Whether every row has a partner, whose target counts too; rows have factors then.
    decay : bool
        Whether penalised weights shrink by ``rate * weight_decay`` of themselves at each step.
    rate_factors : tuple of (str, float)
        By what the changes of parameters are multiplied; see `rate_factors`.
    """

    objective: Objective
    optimizer: Optimizer
    schedule: Schedule = _NO_SCHEDULE
    regularisers: Regularisers = _NO_REGULARISERS
    averaging: Averaging | None = None
    weights_shape: Shape | None = None
    mixed: bool = False
    decay: bool = False
    rate_factors: Factors = ()


@dataclass(frozen=True)
class TrainingStep:
    """The graph of a step and its loose ends.

    Parameters
    ----------
    graph : Graph
        Its output is the loss of the batch.
    inputs : tuple of Tensor
        Placeholders of the network's inputs.
    target, weights : Tensor
        Placeholders of the target and, if rows have factors, of these.
    partner : tuple of two Tensor, or None
        Placeholders of the target and the factors of the partners, if rows are mixed.
    settings : mapping of str to Tensor
        Placeholders of single numbers: "learning_rate", "seed", and what the spec asks for. The
        graph has those that it reads, in this order.
    step, total_steps : Tensor
        Variables: steps made, steps planned.
    schedule : Schedule
    state : tuple of Tensor
        Every variable that a step changes, those of the network left out; and the schedule's.
    schedule_state : tuple of Tensor
        Those that the schedule changes after an epoch.
    averages : mapping of Tensor to Tensor
        The variable with the average of each variable of the network; empty without averaging.
    """

    graph: Graph
    inputs: tuple[Tensor, ...]
    target: Tensor
    weights: Tensor | None
    partner: tuple[Tensor, Tensor] | None
    settings: Mapping[str, Tensor]
    step: Tensor
    total_steps: Tensor
    schedule: Schedule
    state: tuple[Tensor, ...]
    schedule_state: tuple[Tensor, ...]
    averages: Mapping[Tensor, Tensor]

    @property
    def counts_steps(self) -> bool:
        """Whether the graph reads how many steps were made."""
        return self.step in self.state

    def scalars(self, **values: float) -> Scalars:
        """Values for those of the single placeholders that the graph reads, in its order."""
        return {leaf: values[name] for name, leaf in self._read}

    @functools.cached_property
    def _read(self) -> tuple[tuple[str, Tensor], ...]:
        read = set(self.graph.inputs)
        return tuple((name, leaf) for name, leaf in self.settings.items() if leaf in read)

    def bound(
        self, inputs: tuple[Rows, ...], target: np.ndarray, weights: np.ndarray | None
    ) -> dict[Tensor, Rows]:
        """Rows by the placeholders that they are for."""
        data: dict[Tensor, Rows] = dict(zip(self.inputs, inputs, strict=True))
        data[self.target] = target
        if self.weights is not None:
            if weights is None:
                weights = np.ones(len(target), self.weights.dtype.value)
            data[self.weights] = weights
            if self.partner is not None:
                # Until the first epoch mixes the rows.
                data[self.partner[0]], data[self.partner[1]] = target, weights
        return data

    def bound_mixture(self, rows: MixedRows) -> dict[Tensor, np.ndarray]:
        """The mixed rows of an epoch in place of the rows."""
        assert self.weights is not None
        assert self.partner is not None
        data = dict(zip(self.inputs, rows.inputs, strict=True))
        data[self.weights] = rows.weights
        data[self.partner[0]], data[self.partner[1]] = rows.partner_target, rows.partner_weights
        return data

    def rate_at(self, base_rate: float, steps: int) -> float:
        """The learning rate of the step after so many."""
        if type(self.schedule) is Constant:
            return base_rate
        base, step = self._rate_graph.inputs
        outputs, _ = evaluate(
            self._rate_graph, {base: np.asarray(base_rate), step: np.asarray(steps)}
        )
        return float(outputs[0])

    def rate_document(self) -> dict[str, Any]:
        """What the schedule computes, as plain data: a function of one's own has no settings."""
        return _described(self._rate_graph)

    @functools.cached_property
    def _rate_graph(self) -> Graph:
        """The rate by the base rate and the number of steps: written once, asked each epoch."""
        base = self.settings["learning_rate"]
        step = placeholder((), base.dtype, "step")
        rate = self.schedule.rate(base, step, self.total_steps, self.schedule_state)
        return Graph((base, step), (rate,))


def loss_document(network: Network, loss: Loss) -> dict[str, Any]:
    """What the loss computes, as plain data: one of one's own has no settings."""
    output = placeholder((ROWS, network.width), network.dtype, "output")
    target = loss.target_placeholder(network.width, network.dtype)
    return _described(Graph((output, target), (loss.per_target(output, target),)))


def _described(graph: Graph) -> dict[str, Any]:
    # The text leaves out the numbers of variables and of long constants.
    leaves = [node for node in graph.nodes() if node.op in (Op.CONSTANT, Op.VARIABLE)]
    return {"graph": str(graph), "values": [leaf.value.tolist() for leaf in leaves]}


@collection_paused()
def write_step(network: Network, spec: StepSpec) -> TrainingStep:
    """Write the step of a network.

    Regularisers change the gradients as if they stood in the loss; the loss that is reported stays
    that of the objective.
    """
    kind, objective, loss = network.dtype, spec.objective, spec.objective.loss
    target = loss.target_placeholder(network.width, kind)
    settings = {
        "learning_rate": placeholder((), kind, "learning_rate"),
        **{name: placeholder((), kind, name) for name in objective.settings},
        **({"weight_decay": placeholder((), kind, "weight_decay")} if spec.decay else {}),
        "seed": placeholder((), DType.int32, "seed"),
    }
    seed = settings["seed"]
    step = variable(0, DType.int32, "train.step")
    total_steps = variable(0.0, kind, "train.total_steps")
    gathered: list[tuple[Tensor, Tensor]] = []
    output = network.output(True, seed, step, loss=loss, updates=gathered)
    weights = (
        None if spec.weights_shape is None else placeholder(spec.weights_shape, kind, "weights")
    )
    terms = objective.terms(network, output, target, weights, settings)
    partner = None
    if spec.mixed:
        assert weights is not None
        partner = (
            placeholder(target.shape, target.dtype, "partner target"),
            placeholder(weights.shape, kind, "partner weights"),
        )
        terms = _sum_of(terms, objective.terms(network, output, *partner, settings))
    learned, reported, *now = spec.regularisers.noisy(
        [terms.learned, terms.reported, *(new for _, new in gathered)], network, seed, step
    )
    gathered = [(old, new) for (old, _), new in zip(gathered, now, strict=True)]
    parameters, penalised = network.parameters, set(network.penalised)
    found = gradients(learned, parameters)
    if terms.shrink is not None:
        found = [
            gradient + parameter * terms.shrink if parameter in penalised else gradient
            for parameter, gradient in zip(parameters, found, strict=True)
        ]
    found = spec.regularisers.penalised_and_clipped(found, network)
    schedule_state = spec.schedule.state(kind)
    rate = spec.schedule.rate(
        settings["learning_rate"], cast(step, kind), total_steps, schedule_state
    )
    updates = spec.optimizer.updates(parameters, found, rate, step)
    if spec.decay:
        # Apart from the gradients, as in AdamW: what an optimizer remembers knows nothing of it.
        shrunk = rate * settings["weight_decay"]
        updates = [(old, new - old * shrunk if old in penalised else new) for old, new in updates]
    updates = spec.regularisers.decayed(updates, network, rate, cast(step, kind), total_steps)
    updates = factored(updates, spec.rate_factors, network)
    updates = spec.regularisers.constrained(updates, network)
    updates += gathered
    own = set(network.variables)
    kept: dict[Tensor, Tensor] = {}
    if spec.averaging is not None:
        changed = [(old, new) for old, new in updates if old in own]
        kept, more = averages(spec.averaging, changed, step, total_steps)
        updates += more
    nodes = set(walk([reported, *(new for _, new in updates)]))
    if step in nodes:
        updates.append((step, step + 1))
    loose = (*network.inputs, target, weights, *(partner or ()), *settings.values())
    # Those with rows stay even when nothing reads them: the number of rows comes from them.
    inputs = tuple(
        leaf for leaf in loose if leaf is not None and (leaf in nodes or leaf.shape != ())
    )
    return TrainingStep(
        optimise(Graph(inputs, (reported,), tuple(updates))),
        network.inputs,
        target,
        weights,
        partner,
        settings,
        step,
        total_steps,
        spec.schedule,
        _state_of(updates, own, schedule_state),
        schedule_state,
        kept,
    )


def _sum_of(one: Terms, other: Terms) -> Terms:
    learned = one.learned + other.learned
    both = learned if one.reported is one.learned else one.reported + other.reported
    return Terms(learned, both, one.shrink)


def _state_of(
    updates: Iterable[tuple[Tensor, Tensor]],
    own: Container[Tensor],
    schedule_state: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    return (*(old for old, _ in updates if old not in own), *schedule_state)


_TEMPLATES: LruCache[Hashable, tuple[NetworkTemplate, TrainingStep, tuple[int, ...]]] = LruCache(
    KEPT
)


def step_of(network: Network, spec: StepSpec) -> TrainingStep:
    """The step of a network: instantiated when one of the same structure was written before."""
    parts = (
        spec.objective.loss,
        spec.optimizer,
        spec.schedule,
        *(() if spec.averaging is None else (spec.averaging,)),
        *(() if spec.regularisers.decay_schedule is None else (spec.regularisers.decay_schedule,)),
    )
    key = structure_key_with(network, *parts)
    if key is None:
        return write_step(network, spec)
    known = _TEMPLATES.get((key, spec))
    if known is not None:
        template, first, averaged = known
        graph, (step, total_steps, *more) = template.instantiate(network)
        state = tuple(more[: len(first.schedule_state)])
        variables = network.variables
        kept = zip(averaged, more[len(state) :], strict=True)
        return dataclasses.replace(
            first,
            graph=graph,
            step=step,
            total_steps=total_steps,
            state=_state_of(graph.updates, set(variables), state),
            schedule_state=state,
            averages={variables[k]: average for k, average in kept},
        )
    made = write_step(network, spec)
    place = {leaf: k for k, leaf in enumerate(network.variables)}
    loose = (made.step, made.total_steps, *made.schedule_state, *made.averages.values())
    template = NetworkTemplate(made.graph, network, loose)
    # What is remembered must not hold the numbers of the first network.
    bare = dataclasses.replace(made, graph=_EMPTY, state=(), averages={})
    _TEMPLATES.put((key, spec), (template, bare, tuple(place[leaf] for leaf in made.averages)))
    return made


_EMPTY = Graph((), (), ())
