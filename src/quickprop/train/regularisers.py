"""What keeps weights and steps small: settings of a fit, written into its step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from quickprop.config import DType
from quickprop.errors import SettingError
from quickprop.foundation.settings import Component, Rule, component, number, optional, setting
from quickprop.graph import Tensor, rewrite, variable
from quickprop.nn import Network
from quickprop.nn.layers.layer import Lookup
from quickprop.ops.elementary import maximum, minimum, sqrt, sum
from quickprop.ops.normal_numbers import normal
from quickprop.ops.sign_and_clip import clip, sign
from quickprop.optim import SCHEDULES, Schedule

Pairs = list[tuple[Tensor, Tensor]]

_ABOVE_ZERO = optional(number(0.0, low_open=True))


@dataclass(frozen=True)
class Regularisers(Component):
    """Settings of `fit`, which explains them. Those that are off leave no trace in the step."""

    l1: float = setting(number(0.0), 0.0)
    l2: float = setting(number(0.0), 0.0)
    clip_value: float | None = setting(_ABOVE_ZERO, None)
    clip_norm: float | None = setting(_ABOVE_ZERO, None)
    max_norm: float | None = setting(_ABOVE_ZERO, None)
    weight_noise: float = setting(number(0.0), 0.0)
    weight_decay: float = setting(number(0.0), 0.0)
    decay_schedule: Schedule | None = setting(optional(component(SCHEDULES, Schedule)), None)

    def __post_init__(self) -> None:
        super().__post_init__()
        # What such a schedule learns after an epoch is kept for the learning rate alone.
        if self.decay_schedule is not None and self.decay_schedule.state(DType.float32):
            raise SettingError(
                "a schedule that watches the loss or the clock is for the learning rate",
                where="fit.decay_schedule",
                given=repr(self.decay_schedule)[:80],
                hint="FlatCosine(), Cosine() or another that depends on the step alone",
            )

    @classmethod
    def rules(cls) -> dict[str, Rule]:
        """What each setting allows."""
        return {item.name: item.metadata["rule"] for item in dataclasses.fields(cls)}

    # Every number is a variable and not a constant: another one then runs the same compiled code.

    def noisy(
        self, roots: Sequence[Tensor], network: Network, seed: Tensor, step: Tensor
    ) -> list[Tensor]:
        """What a forward pass computes, with a normal random number added to every weight.

        Derivatives by the noisy weights are those by the weights (Murray and Edwards 1994).
        """
        if not self.weight_noise:
            return list(roots)
        size = variable(self.weight_noise, network.dtype, "train.weight_noise")
        noisy = {
            weight: weight
            + normal(weight.shape, f"{weight.name}.noise", seed, step, weight.dtype) * size
            for weight in network.penalised
        }
        return rewrite(roots, lambda node: noisy.get(node, node))

    def penalised_and_clipped(self, gradients: Sequence[Tensor], network: Network) -> list[Tensor]:
        """The gradients of the loss with its penalties, clipped: by value, then by norm."""
        parameters, kind = network.parameters, network.dtype
        penalised = set(network.penalised)
        made = list(gradients)
        for name, strength, term_of in (("l2", self.l2, _itself), ("l1", self.l1, sign)):
            if strength:
                factor = variable(strength, kind, f"train.{name}")
                made = [
                    gradient + term_of(parameter) * factor if parameter in penalised else gradient
                    for parameter, gradient in zip(parameters, made, strict=True)
                ]
        if self.clip_value is not None:
            end = variable(self.clip_value, kind, "train.clip_value")
            made = [clip(gradient, -end, end) for gradient in made]
        if self.clip_norm is not None:
            made = _of_norm(made, variable(self.clip_norm, kind, "train.clip_norm"))
        return made

    def decayed(
        self, updates: Pairs, network: Network, rate: Tensor, step: Tensor, total_steps: Tensor
    ) -> Pairs:
        """The updates, every weight shrunk by ``rate * weight_decay`` of itself as well.

        Apart from the gradients, so that what an optimizer remembers knows nothing of it
        (Loshchilov and Hutter 2019); biases are left alone.
        """
        if not self.weight_decay:
            return updates
        strength = variable(self.weight_decay, network.dtype, "train.weight_decay")
        if self.decay_schedule is not None:
            state = self.decay_schedule.state(network.dtype)
            strength = self.decay_schedule.rate(strength, step, total_steps, state)
        shrunk, penalised = rate * strength, set(network.penalised)
        return [(old, new - old * shrunk if old in penalised else new) for old, new in updates]

    def constrained(self, updates: Pairs, network: Network) -> Pairs:
        """The updates, the weights into every neuron held to the largest norm."""
        if self.max_norm is None:
            return updates
        longest = variable(self.max_norm, network.dtype, "train.max_norm")
        held = _weights_into_neurons(network)
        return [(old, _held(new, longest) if old in held else new) for old, new in updates]


def _itself(weight: Tensor) -> Tensor:
    return weight


def _of_norm(gradients: Sequence[Tensor], longest: Tensor) -> list[Tensor]:
    """All gradients together as one vector no longer than that (Pascanu et al. 2013)."""
    squares = [sum(gradient * gradient) for gradient in gradients]
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    factor = minimum(longest / (sqrt(total) + 1e-6), 1.0)
    return [gradient * factor for gradient in gradients]


def _weights_into_neurons(network: Network) -> set[Tensor]:
    """Weights whose last axis counts neurons: all penalised ones but tables of embeddings."""
    tables = {
        table
        for placed in network.layers
        if isinstance(placed.layer, Lookup)
        for table in placed.parameters.values()
    }
    return {weight for weight in network.penalised if weight.rank > 1 and weight not in tables}


def _held(weight: Tensor, longest: Tensor) -> Tensor:
    norm = sqrt(sum(weight * weight, range(weight.rank - 1), keepdims=True))
    return weight * (longest / maximum(norm, longest))
