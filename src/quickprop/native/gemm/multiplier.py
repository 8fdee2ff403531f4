"""The inner loop of a product: a tile of accumulators, a line of B and numbers of A a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quickprop.native.gemm.tiles import Tile
from quickprop.native.ir import FunctionWriter, Value, int64, vector_type


@dataclass(frozen=True)
class Multiplier:
    """Writes multiply-adds of vectors.

    Parameters
    ----------
    writer : FunctionWriter
    element : str
        The type of a number.
    lanes : int
        Numbers in a vector.
    align : int
        Bytes of a number.
    """

    writer: FunctionWriter
    element: str
    lanes: int
    align: int

    @property
    def vector(self) -> str:
        """The type of a vector."""
        return vector_type(self.element, self.lanes)

    def load(self, pointer: Value, count: int) -> list[Value]:
        """So many vectors from there on."""
        w = self.writer
        return [
            w.load(w.offset(pointer, int64(v * self.lanes), self.element), self.vector, self.align)
            for v in range(count)
        ]

    def multiply(
        self,
        begin: Value,
        end: Value,
        start: list[Value],
        tile: Tile,
        line: Callable[[Value], Value],
        number: Callable[[Value, int], Value],
    ) -> list[Value]:
        """The sums of a tile: numbers of A times lines of B, from step `begin` up to `end`.

        `line` and `number` give the addresses of a step's line of B and of its number of A in a row
        of the tile.
        """
        w = self.writer
        loop = w.open_loop(begin, end, int64(1), start)
        bs = self.load(line(loop.index), tile.vectors)
        following = list(loop.carried)
        for r in range(tile.rows):
            spread = w.splat(w.load(number(loop.index, r), self.element), self.lanes)
            for v in range(tile.vectors):
                at = r * tile.vectors + v
                following[at] = w.fma(spread, bs[v], following[at])
        return w.close_loop(loop, following)

    def prefetch(self, pointer: Value, write: bool) -> None:
        """Ask for the cache line of an address."""
        settings = [Value(text, "i32") for text in ("1" if write else "0", "3", "1")]
        self.writer.call("llvm.prefetch.p0", "void", pointer, *settings)
