"""Layers that may bring the activation that follows them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import final

from quickprop.foundation.settings import choice, optional
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.layer import UnaryLayer

#: The setting of such a layer.
ACTIVATION = optional(choice(ACTIVATIONS))


@dataclass(frozen=True)
class ActivatedLayer(UnaryLayer, ABC):
    """A layer with ``activation="relu"`` for what would else be a layer of its own behind it.

    A network has the two: ``Dense(8, activation="relu")`` and ``Dense(8), Activation("relu")`` are
    the same network, with the same names and starting weights.
    """

    @property
    @abstractmethod
    def activation(self) -> str | None:
        """The name of the activation that follows."""

    @final
    def split(self) -> tuple[UnaryLayer, Activation | None]:
        """The layer without its activation, and that."""
        if self.activation is None:
            return self, None
        settings = {item.name: getattr(self, item.name) for item in fields(self)}
        return type(self)(**{**settings, "activation": None}), Activation(self.activation)
