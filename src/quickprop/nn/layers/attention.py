"""Attention: every step takes a mixture of all steps of a sequence, its own or another one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.errors import ShapeError
from quickprop.foundation.settings import boolean, integer, number, optional, setting
from quickprop.graph import Tensor, batch_matmul, constant
from quickprop.graph.tensor import reshape
from quickprop.nn.initializers import GlorotUniform, Zeros
from quickprop.nn.layers.dropout import dropped
from quickprop.nn.layers.layer import LAYERS, Context, Layer, ParameterSpec, RowShape
from quickprop.nn.layers.masks import check_mask
from quickprop.ops.activations import masked_softmax, softmax
from quickprop.ops.elementary import less, transpose, where


@LAYERS.register()
@dataclass(frozen=True)
class MultiHeadAttention(Layer):
    """Scaled dot-product attention in several heads side by side (Vaswani et al. 2017).

    In each head ``softmax(Q K' / sqrt(width)) V`` with ``Q = query W_q + b_q``,
    ``K = memory W_k + b_k``, ``V = memory W_v + b_v``; the results of all heads lie side by side,
    and the layer's own is their product with ``W_o``, plus ``b_o``. Rows are (steps, features); the
    result has the steps and the features of the query.

    ``MultiHeadAttention(4)(x)`` attends to itself, ``MultiHeadAttention(4)(query, memory)`` to
    another sequence. A mask of the steps of the memory, rows (steps,), may come last: steps where
    it is 0 get weight exactly 0, whatever finite numbers stand there. Where nothing may be looked
    at all weights are 0, and the result is ``b_o``.

    Parameters
    ----------
    heads : int
    width : int, optional
        Numbers of each head. By default the features of the query shared out among the heads.
    bias : bool
        Whether there are the four biases.
    dropout : float
        The rate at which weights of the mixture are dropped in training.
    causal : bool
        Step t sees the steps of the memory up to t only.

    Examples
    --------
    >>> from quickprop import Input, MultiHeadAttention, Network
    >>> x, mask = Input((20, 16), "x"), Input(20, "mask")
    >>> network = Network(MultiHeadAttention(4)(x, mask))
    >>> network.layers[-1].output_shape, network.parameter_count
    ((20, 16), 1088)
    """

    heads: int = setting(integer(1, 4096))
    width: int | None = setting(optional(integer(1, 2**16)), None)
    bias: bool = setting(boolean(), True)
    dropout: float = setting(number(0.0, 1.0, high_open=True), 0.0)
    causal: bool = setting(boolean(), False)

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """Weights (features, heads * width) of query, key and value, and of the output back."""
        query, memory = _check_sources(shapes)
        inner = self.heads * self._width_of(query[1])
        sizes = {
            "query": (query[1], inner),
            "key": (memory[1], inner),
            "value": (memory[1], inner),
            "output": (inner, query[1]),
        }
        weights = [
            ParameterSpec(f"{name}.weight", shape, GlorotUniform()) for name, shape in sizes.items()
        ]
        biases = [
            ParameterSpec(f"{name}.bias", (shape[1],), Zeros(), penalised=False)
            for name, shape in sizes.items()
        ]
        return (*weights, *(biases if self.bias else ()))

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """That of the query."""
        query, _ = _check_sources(shapes)
        self._width_of(query[1])
        return query

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """All heads at once, as products of stacks of matrices."""
        sequences, mask = _split(sources)
        query, memory = sequences[0], sequences[-1]
        width = self._width_of(query.shape[2] or 1)

        def projected(x: Tensor, name: str) -> Tensor:
            y = x @ parameters[f"{name}.weight"]
            return y + parameters[f"{name}.bias"] if self.bias else y

        # Scaled before the product: fewer numbers than the scores are.
        q = self._in_heads(projected(query, "query") * (1.0 / math.sqrt(width)))
        k, v = (self._in_heads(projected(memory, name)) for name in ("key", "value"))
        scores = batch_matmul(q, k, transpose_b=True)
        seen = self._seen(mask, scores)
        weights = softmax(scores) if seen is None else masked_softmax(scores, seen)
        mixed = dropped(weights, self.dropout, context) @ v
        joined = transpose(mixed, (0, 2, 1, 3))
        joined = reshape(joined, (*joined.shape[:2], self.heads * width))
        return projected(joined, "output")

    def _width_of(self, features: int) -> int:
        """Numbers of a head."""
        if self.width is None and features % self.heads:
            raise ShapeError(
                "the features cannot be shared out among the heads",
                allowed=f"a multiple of {self.heads}",
                given=str(features),
                hint="say how wide a head is: MultiHeadAttention(heads, width)",
            )
        return self.width or features // self.heads

    def _in_heads(self, x: Tensor) -> Tensor:
        """(rows, steps, heads * width) as (rows, heads, steps, width)."""
        apart = reshape(x, (*x.shape[:2], self.heads, (x.shape[2] or 1) // self.heads))
        return transpose(apart, (0, 2, 1, 3))

    def _seen(self, mask: Tensor | None, scores: Tensor) -> Tensor | None:
        """Not 0 where a step may look, to be repeated to (rows, heads, steps, steps of memory)."""
        rows, _, steps, places = scores.shape
        seen = None if mask is None else reshape(mask, (rows, 1, 1, places))
        if not self.causal:
            return seen
        # Compared on the spot: a table of all pairs would be a large constant.
        now = constant(np.arange(steps or 1)[None, None, :, None] + 0.5, scores.dtype)
        before = less(constant(np.arange(places or 1)[None, None, None], scores.dtype), now)
        return before if seen is None else where(seen, before, 0.0)


def _split(sources: Sequence[Tensor]) -> tuple[Sequence[Tensor], Tensor | None]:
    """The sequences, and the mask behind them if there is one."""
    return (sources[:-1], sources[-1]) if sources[-1].rank == 2 else (sources, None)


def _check_sources(shapes: Sequence[RowShape]) -> tuple[RowShape, RowShape]:
    """The shapes of query and memory, when these are all that is read but for a mask."""
    masked = len(shapes) > 1 and len(shapes[-1]) == 1
    sequences = shapes[:-1] if masked else shapes
    if len(sequences) > 2 or any(len(shape) != 2 for shape in sequences):
        raise ShapeError(
            "attention reads a sequence, or a query and a memory, and perhaps a mask behind them",
            allowed="(steps, features), perhaps another one, perhaps (steps,)",
            given=", ".join(map(str, shapes)),
            hint="put a Reshape((steps, features)) in front",
        )
    query, memory = sequences[0], sequences[-1]
    check_mask(shapes[-1] if masked else None, memory[:1], "MultiHeadAttention")
    return query, memory
