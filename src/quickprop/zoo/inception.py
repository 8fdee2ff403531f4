"""The Inception module."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.foundation.settings import integer, setting
from quickprop.nn import Activation, Block, Concatenate, Conv2D, MaxPool2D, Node
from quickprop.nn.layers.layer import single

_FILTERS = integer(1, 2**16)


@dataclass(frozen=True)
class Inception(Block):
    """Windows of four sizes beside each other, their results side by side as channels.

    The wide windows look at fewer channels, made by windows of one place, so that they stay cheap
    (Szegedy et al. 2014, figure 2b). Every convolution is followed by a relu. The parameters are
    those of the paper's table 1, in its order; the result has ``one + three + five + pool``
    channels and the height and width of what comes in.

    Parameters
    ----------
    one : int
        Filters of 1 x 1.
    three_reduce, three : int
        Filters of 1 x 1 before those of 3 x 3, and these.
    five_reduce, five : int
        Filters of 1 x 1 before those of 5 x 5, and these.
    pool : int
        Filters of 1 x 1 behind a max pooling of 3 x 3.

    Examples
    --------
    >>> from quickprop import Input, Network
    >>> from quickprop.zoo import Inception
    >>> network = Network(Inception(64, 96, 128, 16, 32, 32)(Input((28, 28, 192)), name="3a"))
    >>> network.layers[-1].output_shape
    (28, 28, 256)
    """

    one: int = setting(_FILTERS)
    three_reduce: int = setting(_FILTERS)
    three: int = setting(_FILTERS)
    five_reduce: int = setting(_FILTERS)
    five: int = setting(_FILTERS)
    pool: int = setting(_FILTERS)

    def draw(self, *sources: Node) -> Node:
        """Four branches and their join."""
        x = single(sources, "Inception")
        three = convolved(x, self.three_reduce, 1, "three_reduce")
        five = convolved(x, self.five_reduce, 1, "five_reduce")
        pooled = MaxPool2D(3, stride=1, padding="same")(x, name="pooled")
        return Concatenate()(
            convolved(x, self.one, 1, "one"),
            convolved(three, self.three, 3, "three"),
            convolved(five, self.five, 5, "five"),
            convolved(pooled, self.pool, 1, "pool"),
            name="joined",
        )


def convolved(x: Node, filters: int, size: int, name: str, stride: int = 1) -> Node:
    """A convolution that keeps the lengths when the stride is 1, and its relu."""
    weighted = Conv2D(filters, size, stride=stride, padding=size // 2)(x, name=name)
    return Activation("relu")(weighted, name=f"{name}_relu")
