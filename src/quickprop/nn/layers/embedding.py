"""Category codes to learned vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.settings import integer, optional, sequence_of, setting, text
from quickprop.graph import Tensor
from quickprop.graph.tensor import reshape
from quickprop.nn.initializers import Normal
from quickprop.nn.layers.layer import LAYERS, Context, Lookup, ParameterSpec, RowShape
from quickprop.ops.elementary import concat, gather


def usual_width(levels: int) -> int:
    """``round(1.6 levels**0.56)``, from 1 to 16: a rule of thumb for the length of the vectors."""
    found: int = max(1, min(16, round(1.6 * levels**0.56)))
    return found


@LAYERS.register()
@dataclass(frozen=True)
class Embedding(Lookup):
    """A table of learned vectors for each categorical column.

    It reads the codes, an int32 input with a number a column, and before them perhaps numbers. Its
    result is the numbers with the vectors of the row's categories beside them.

    Parameters
    ----------
    levels : sequence of int
        Number of codes of each column; codes count from 0.
    names : sequence of str, optional
        Names of the columns, for the names of the tables. Default "0", "1", ...
    widths : sequence of int, optional
        Length of the vectors of each column, by default from `usual_width`.

    Examples
    --------
    >>> from quickprop import Dense, Embedding, Network
    >>> layers = [Embedding((7, 3), widths=(4, 2)), Dense(1)]
    >>> network = Network(layers, features=5, categories=(7, 3))
    >>> network.layers[0].output_shape  # 5 numbers, and 4 and 2 for the categories
    (11,)
    """

    levels: tuple[int, ...] = setting(sequence_of(integer(1)))
    names: tuple[str, ...] | None = setting(optional(sequence_of(text())), None)
    widths: tuple[int, ...] | None = setting(optional(sequence_of(integer(1, 4096))), None)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("names", "widths"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.levels):
                raise SettingError(
                    "not one for each column",
                    where=f"Embedding.{name}",
                    allowed=f"{len(self.levels)} items",
                    given=f"{len(given)} items",
                )
        if self.names is not None and len(set(self.names)) < len(self.names):
            raise SettingError("a name stands twice", where="Embedding.names")

    @property
    def tables(self) -> tuple[tuple[str, int, int], ...]:
        """Name, levels and width of each table."""
        names = self.names or tuple(str(k) for k in range(len(self.levels)))
        widths = self.widths or tuple(usual_width(levels) for levels in self.levels)
        return tuple(zip(names, self.levels, widths, strict=True))

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """One table (levels, width) a column."""
        # A vector has the expected length 1, as the row of a one-hot code would have.
        return tuple(
            ParameterSpec(
                f"{name}.table", (levels, width), Normal(deviation=1.0 / math.sqrt(width))
            )
            for name, levels, width in self.tables
        )

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """The numbers and all vectors side by side."""
        if len(shapes) > 2 or any(len(shape) != 1 for shape in shapes):
            raise ShapeError(
                "an embedding reads category codes, and perhaps numbers before them",
                where="Embedding",
                allowed="(columns,), or (numbers,) and (columns,)",
                given=", ".join(map(str, shapes)),
                hint="put a Flatten() behind the numbers",
            )
        if shapes[-1] != (len(self.levels),):
            raise ShapeError(
                "not one code for each column of an embedding",
                where="Embedding",
                allowed=str((len(self.levels),)),
                given=str(shapes[-1]),
            )
        numbers = shapes[0][0] if len(shapes) == 2 else 0
        return (numbers + sum(width for _, _, width in self.tables),)

    def levels_of(self, columns: int) -> tuple[int, ...]:
        """As given."""
        return self.levels

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """Rows picked from the tables."""
        *parts, codes = sources
        for k, (name, _, _) in enumerate(self.tables):
            parts.append(gather(parameters[f"{name}.table"], codes[:, k]))
        return concat(parts)


@LAYERS.register()
@dataclass(frozen=True)
class TokenEmbedding(Lookup):
    """One table of learned vectors for all codes of a row: rows (steps,) become (steps, width).

    It reads an int32 input of codes: words, characters, kinds of events.

    Parameters
    ----------
    levels : int
        Number of codes, which count from 0.
    width : int
        Length of the vectors.

    Examples
    --------
    >>> from quickprop import Input, Network, TokenEmbedding
    >>> codes = Input(5, "words", codes=True)
    >>> Network(TokenEmbedding(100, 8)(codes)).predict([[1, 2, 3, 0, 0]]).shape
    (1, 5, 8)
    """

    levels: int = setting(integer(1))
    width: int = setting(integer(1, 4096))

    def parameter_specs(self, shapes: Sequence[RowShape]) -> tuple[ParameterSpec, ...]:
        """One table (levels, width)."""
        deviation = 1.0 / math.sqrt(self.width)
        return (ParameterSpec("table", (self.levels, self.width), Normal(deviation=deviation)),)

    def result_shape(self, shapes: Sequence[RowShape]) -> RowShape:
        """A vector for each code."""
        if len(shapes) != 1 or len(shapes[0]) != 1:
            raise ShapeError(
                "TokenEmbedding reads rows of codes",
                allowed="(steps,)",
                given=", ".join(map(str, shapes)),
            )
        return (*shapes[0], self.width)

    def levels_of(self, columns: int) -> tuple[int, ...]:
        """The same for every step."""
        return (self.levels,) * columns

    def apply(
        self, sources: Sequence[Tensor], parameters: Mapping[str, Tensor], context: Context
    ) -> Tensor:
        """Rows picked from the table, step by step."""
        (codes,) = sources
        steps = codes.shape[1] or 1
        picked = [gather(parameters["table"], codes[:, k]) for k in range(steps)]
        return concat([reshape(y, (y.shape[0], 1, self.width)) for y in picked], 1)
