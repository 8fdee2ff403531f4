"""Learning rates of groups of parameters: factors by the names of layers and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickprop.errors import SettingError, did_you_mean
from quickprop.foundation.settings import Rule, number
from quickprop.graph import Tensor, variable
from quickprop.nn import Network

Factors = tuple[tuple[str, float], ...]

_FACTOR = number(0.0)


def _factors(value: Any) -> Factors:
    if value is None:
        return ()
    pairs = value.items() if isinstance(value, Mapping) else value
    found = {}
    for name, factor in pairs:
        if not isinstance(name, str):
            raise TypeError
        found[name] = _FACTOR.accept(factor)
    return tuple(sorted(found.items()))


#: Factors from 0 up by name, kept as pairs.
FACTORS = Rule('factors from 0 up by names, such as {"bias": 0.1, "Scale": 6}', _factors)


def check_factors(factors: Factors, network: Network) -> None:
    """Raise `SettingError` for a name that no parameter of the network answers to."""
    known = {name for names in _names_of(network).values() for name in names}
    for name, _ in factors:
        if name not in known:
            raise SettingError(
                "no parameter, layer or kind of layer has this name",
                where="fit.rate_factors",
                given=repr(name)[:80],
                hint=did_you_mean(name, sorted(known)),
            )


def factored(
    updates: list[tuple[Tensor, Tensor]], factors: Factors, network: Network
) -> list[tuple[Tensor, Tensor]]:
    """The updates of an optimizer, the change of each parameter times its factor.

    For every optimizer whose changes are in proportion to its rate, that is its rate times the
    factor; and so for the decay of weights within it, once.
    """
    if not factors:
        return updates
    names, by_name = _names_of(network), dict(factors)
    size = {
        name: variable(factor, network.dtype, f"train.rate_factor.{name}")
        for name, factor in factors
    }
    made = []
    for old, new in updates:
        own = next((name for name in names.get(old, ()) if name in by_name), None)
        made.append((old, new if own is None else old + (new - old) * size[own]))
    return made


def _names_of(network: Network) -> dict[Tensor, tuple[str, ...]]:
    """What each parameter answers to, the narrowest first."""
    return {
        leaf: (f"{layer.name}.{name}", layer.name, type(layer.layer).__name__, name)
        for layer in network.layers
        for name, leaf in layer.parameters.items()
    }
