"""A network being drawn: inputs, and parts applied to what came before."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from quickprop.errors import SettingError
from quickprop.foundation.settings import Component, boolean, integer, sequence_of, text

_SHAPE = sequence_of(integer(1, 2**24))


@dataclass(frozen=True, eq=False)
class Node(ABC):  # noqa: B024
    """A value in a network: an `Input`, or a part applied to other nodes.

    Nodes are made by calling parts: ``h = Dense(16)(x)``, ``y = Add()(h, x)``.

    Examples
    --------
    >>> from quickprop import Dense, Input, Network, Node
    >>> node = Dense(5)(Input(3))
    >>> isinstance(node, Node), Network(node).width
    (True, 5)
    """


@dataclass(frozen=True, eq=False)
class Input(Node):
    """What a network is given.

    Parameters
    ----------
    shape : int or tuple of int
        The shape of one row: ``20`` for 20 numbers, ``(28, 28, 1)`` for an image.
    name : str
    codes : bool
        Whether the numbers are int32 codes of categories, for embeddings.

    Examples
    --------
    >>> from quickprop import Dense, Input, Network
    >>> network = Network(Dense(1)(Input(3, "measures")))
    >>> network.predict({"measures": [[1.0, 2.0, 3.0]]}).shape
    (1, 1)
    """

    shape: int | tuple[int, ...]
    name: str = "numeric"
    codes: bool = False

    def __post_init__(self) -> None:
        shape = (self.shape,) if isinstance(self.shape, int) else self.shape
        object.__setattr__(self, "shape", _SHAPE.checked(shape, "Input.shape"))
        text().checked(self.name, "Input.name")
        boolean().checked(self.codes, "Input.codes")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of a row as a tuple."""
        assert isinstance(self.shape, tuple)
        return self.shape


@dataclass(frozen=True, eq=False)
class Applied(Node):
    """A part and the nodes that it reads.

    Parameters
    ----------
    part : Component
        A layer, or a block made of layers.
    sources : tuple of Node
    name : str, optional
        By default its kind and a number.
    """

    part: Component
    sources: tuple[Node, ...]
    name: str | None = None


def applied(part: Component, sources: tuple[object, ...], name: str | None) -> Applied:
    """The part applied to nodes, after checking that they are nodes."""
    kind = type(part).__name__
    for source in sources:
        if not isinstance(source, Node):
            raise SettingError(
                "a layer is applied to something that is not part of a network",
                where=kind,
                allowed="an Input, or what a layer gave",
                given=repr(source)[:80],
                hint=f"first draw the input: x = Input(20); y = {kind}(...)(x)",
            )
    if not sources:
        raise SettingError("a layer is applied to nothing", where=kind, hint="name its source")
    if name is not None and (not isinstance(name, str) or not name or "." in name):
        raise SettingError(
            "not the name of a layer",
            where=kind,
            allowed="a text without dots",
            given=repr(name)[:80],
        )
    return Applied(part, tuple(s for s in sources if isinstance(s, Node)), name)
