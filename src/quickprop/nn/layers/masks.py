"""Masks: which steps are real where sequences of unequal length lie in rows of one length.

A mask has the shape (steps,) a row: 0 where a step is padding, any other number where it is real.
It may be an `Input`, or be made from the lengths or from the codes of a sequence. Layers over
sequences take it as their last source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quickprop.errors import ShapeError
from quickprop.foundation.settings import integer, setting
from quickprop.graph import Tensor, constant
from quickprop.nn.layers.layer import (
    LAYERS,
    Context,
    Lookup,
    ParameterSpec,
    RowShape,
    Source,
    UnaryLayer,
)
from quickprop.ops.elementary import cast, equal, less


def split_mask(sources: Sequence[Source], where: str) -> tuple[Source, Source | None]:
    """The source of a layer, and its mask if it was given one."""
    if len(sources) not in (1, 2):
        raise ShapeError(
            "this layer reads one other, and perhaps a mask",
            where=where,
            allowed="1 or 2",
            given=len(sources),
            hint="join the others first, with Concatenate() or Add()",
        )
    return sources[0], sources[1] if len(sources) == 2 else None


def check_mask(mask: RowShape | None, places: RowShape, where: str) -> None:
    """Raise `ShapeError` when there is a mask and it has not one number for each place."""
    if mask is not None and mask != places:
        raise ShapeError(
            "a mask needs one number for each step",
            where=where,
            allowed=str(places),
            given=str(mask),
            hint="an Input of 0 and 1, LengthMask or PaddingMask",
        )


@LAYERS.register()
@dataclass(frozen=True)
class LengthMask(UnaryLayer):
    """The mask of sequences from their lengths: rows (1,) become rows (steps,).

    1 at the steps before the length, 0 from there on: ``mask[t] = 1 if t < length else 0``, t from
    0.

    Parameters
    ----------
    steps : int
        How many steps the rows of the sequences have.

    Examples
    --------
    >>> from quickprop import LSTM, Input, LengthMask, Network
    >>> Network(LengthMask(4)(Input(1, "length"))).predict([[2.0]]).tolist()
    [[1.0, 1.0, 0.0, 0.0]]
    >>> x, length = Input((20, 3), "x"), Input(1, "length")
    >>> network = Network(LSTM(8)(x, LengthMask(20)(length)))
    >>> network.predict({"x": [[[0.0] * 3] * 20], "length": [[5.0]]}).shape
    (1, 8)
    """

    steps: int = setting(integer(1, 2**20))

    def parameters(self, input_shape: RowShape) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def output_shape(self, input_shape: RowShape) -> RowShape:
        """A number a step."""
        if input_shape != (1,):
            raise ShapeError(
                "LengthMask reads one length a row", allowed="(1,)", given=str(input_shape)
            )
        return (self.steps,)

    def transform(self, x: Tensor, parameters: Mapping[str, Tensor], context: Context) -> Tensor:
        """Each step compared with the length."""
        return less(constant(np.arange(self.steps)[None], x.dtype), x)


@LAYERS.register()
@dataclass(frozen=True)
class PaddingMask(Lookup):
    """The mask of sequences of codes, where one code stands for padding: rows (steps,) stay so.

    ``mask[t] = 0 if code[t] == padding else 1``. It reads an int32 input of codes.

    Parameters
    ----------
    padding : int
        The code that means nothing.

    Examples
    --------
    >>> from quickprop import Input, Network, PaddingMask
    >>> codes = Input(4, "words", codes=True)
    >>> Network(PaddingMask(padding=0)(codes)).predict([[7, 9, 0, 0]]).tolist()
    [[1.0, 1.0, 0.0, 0.0]]
    """

    padding: int = setting(integer(0), 0)

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """None."""
        return ()

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """A number for each code."""
        if len(shapes) != 1 or len(shapes[0]) != 1:
            raise ShapeError(
                "PaddingMask reads rows of codes",
                allowed="(steps,)",
                given=", ".join(map(str, shapes)),
            )
        return shapes[0]

    def levels_of(self, columns: int) -> tuple[int, ...]:
        """Any: that is for the embedding of the same codes to say."""
        return (2**31 - 1,) * columns

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """Each code compared with the one for padding."""
        (codes,) = sources
        return cast(1 - equal(codes, self.padding), context.dtype)
