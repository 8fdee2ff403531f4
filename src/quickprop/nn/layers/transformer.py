"""The transformer block, drawn from attention, normalisation and a network of every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.errors import SettingError
from quickprop.foundation.settings import boolean, choice, integer, number, optional, setting
from quickprop.nn.activations import ACTIVATIONS
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.attention import MultiHeadAttention
from quickprop.nn.layers.convolution import Conv1D
from quickprop.nn.layers.dropout import Dropout
from quickprop.nn.layers.joins import Add
from quickprop.nn.layers.layer import Block
from quickprop.nn.layers.normalisation import LayerNorm
from quickprop.nn.node import Node

#: How wide the network of every step is, in widths of the block, when nothing is said (Vaswani et
#: al. 2017).
WIDENED = 4


@dataclass(frozen=True)
class TransformerBlock(Block):
    """Attention and a network of every step, each with a way past it (Vaswani et al. 2017).

    With ``norm="before"`` (Xiong et al. 2020) ``h = x + attention(LayerNorm(x))``,
    ``y = h + W_2 f(W_1 LayerNorm(h) + b_1) + b_2``; with ``norm="after"``, as it was first,
    ``h = LayerNorm(x + attention(x))``, ``y = LayerNorm(h + W_2 f(W_1 h + b_1) + b_2)``. Behind the
    last block with ``norm="before"`` one more `LayerNorm()` is usual. Rows are (steps, width) and
    stay so.

    ``TransformerBlock(16, 4)(x)``, or with a mask of the steps of x ``(x, mask)``. With ``cross``
    a second attention looks at a memory: ``(x, memory)``, or ``(x, memory, mask)`` with a mask of
    the steps of the memory.

    Parameters
    ----------
    width : int
        Features of a step.
    heads : int
        Heads of the attention, among which the features are shared out.
    feed_forward : int, optional
        How wide the network of every step is within; by default 4 times `width`.
    activation : str
        f, by name.
    dropout : float
        The rate in training: of the weights of the attention, and of what is added to each way
        past.
    norm : {"before", "after"}
    causal : bool
        Step t sees the steps up to t only.
    cross : bool

    Examples
    --------
    >>> from quickprop import GlobalAveragePool, Input, Network, PositionalEncoding, TokenEmbedding
    >>> from quickprop import TransformerBlock
    >>> x = PositionalEncoding()(TokenEmbedding(100, 32)(Input(20, "words", codes=True)))
    >>> network = Network(GlobalAveragePool()(TransformerBlock(32, heads=4)(x)))
    >>> network.width, network.parameter_count
    (32, 15904)
    """

    width: int = setting(integer(1, 2**16))
    heads: int = setting(integer(1, 4096))
    feed_forward: int | None = setting(optional(integer(1, 2**18)), None)
    activation: str = setting(choice(ACTIVATIONS), "gelu")
    dropout: float = setting(number(0.0, 1.0, high_open=True), 0.0)
    norm: str = setting(choice({"before": None, "after": None}), "before")
    causal: bool = setting(boolean(), False)
    cross: bool = setting(boolean(), False)

    def draw(self, *sources: Node) -> Node:
        """Two or three parts, one after the other, each with a way past it."""
        most = 3 if self.cross else 2
        if not most - 1 <= len(sources) <= most:
            raise SettingError(
                "a transformer block reads something else",
                where="TransformerBlock",
                allowed="(x, memory) or (x, memory, mask)" if self.cross else "(x) or (x, mask)",
                given=f"{len(sources)} sources",
                hint=None if self.cross else "cross=True, for another sequence to look at",
            )
        x, *others = sources

        def looking_at_itself(given: Node) -> Node:
            attention = MultiHeadAttention(self.heads, dropout=self.dropout, causal=self.causal)
            return attention(given, *(() if self.cross else others), name="attention")

        def looking_at_memory(given: Node) -> Node:
            attention = MultiHeadAttention(self.heads, dropout=self.dropout)
            return attention(given, *others, name="cross_attention")

        y = self._past(x, "attention", looking_at_itself)
        if self.cross:
            y = self._past(y, "cross_attention", looking_at_memory)
        return self._past(y, "feed_forward", self._of_every_step)

    def _of_every_step(self, x: Node) -> Node:
        """Windows of one step: the same small network at each."""
        inner = self.feed_forward or WIDENED * self.width
        wide = Activation(self.activation)(Conv1D(inner, 1)(x, name="widen"), name="activation")
        return Conv1D(self.width, 1)(wide, name="narrow")

    def _past(self, x: Node, name: str, part: Callable[[Node], Node]) -> Node:
        """The part's result added to what it was made from, and a normalisation."""
        before = self.norm == "before"
        given = LayerNorm()(x, name=f"{name}_norm") if before else x
        made = part(given)
        if self.dropout:
            made = Dropout(self.dropout)(made, name=f"{name}_dropout")
        total = Add()(x, made, name=f"{name}_added")
        return total if before else LayerNorm()(total, name=f"{name}_norm")
