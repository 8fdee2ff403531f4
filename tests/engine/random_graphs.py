"""Random graphs over all primitives, with inputs, outputs and updates of variables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop import ops
from quickprop.graph import (
    Graph,
    Op,
    Tensor,
    batch_matmul,
    constant,
    make,
    matmul,
    placeholder,
    variable,
)
from quickprop.graph.tensor import reshape
from quickprop.graph.windows import Windows

WIDTHS = (1, 2, 3, 5, 8, 16, 17, 33, 70, 150)
#: Bounded, smooth enough, and defined everywhere.
UNARY = (Op.NEG, Op.TANH, Op.SIGMOID, Op.ERF, Op.SIN, Op.COS, Op.ABS, Op.STOP_GRADIENT)
BINARY = (Op.ADD, Op.SUB, Op.MUL, Op.MAXIMUM, Op.MINIMUM)


@dataclass
class Case:
    """A graph and the arrays to call it with."""

    graph: Graph
    arrays: list[np.ndarray]


class Grower:
    """Grows a graph by random steps from leaves with and without a rows axis."""

    def __init__(
        self,
        seed: int,
        dtype: str,
        mixed: bool = False,
        stacks: bool = False,
        closed: bool = False,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.closed = closed
        self.dtype = dtype
        self.mixed, self.stacks = mixed, stacks
        self.other = "float32" if dtype == "float64" else "float64"
        self.others: list[Tensor] = []
        self.rows = int(self.rng.choice([1, 2, 7, 16, 33, 40, 300]))
        self.inputs: list[Tensor] = []
        self.arrays: list[np.ndarray] = []
        self.variables: list[Tensor] = []
        self.pool: list[Tensor] = []

    def number(self, count: int) -> int:
        return int(self.rng.integers(count))

    def width(self) -> int:
        return int(self.rng.choice(WIDTHS))

    def leaf(self, shape: tuple[int | None, ...]) -> Tensor:
        tensor = placeholder(shape, self.dtype, f"input{len(self.inputs)}")
        real = tuple(self.rows if dim is None else dim for dim in shape)
        if self.closed:
            return self.closed_leaf(real)
        self.inputs.append(tensor)
        self.arrays.append(self.rng.normal(size=real).astype(self.dtype))
        self.pool.append(tensor)
        return tensor

    def closed_leaf(self, shape: tuple[int, ...]) -> Tensor:
        """A constant, of one number or of many, or a variable: nothing comes from outside."""
        choice = self.number(3)
        if choice == 0:
            return self.variable(shape)
        numbers = np.full(shape, 0.75) if choice == 1 else self.rng.normal(size=shape)
        self.pool.append(constant(numbers, self.dtype))
        return self.pool[-1]

    def codes(self, levels: int) -> Tensor:
        if self.closed:
            given = self.rng.integers(0, levels, self.rows)
            return constant(given if self.number(2) else np.full_like(given, levels - 1), "int32")
        tensor = placeholder((None,), "int32", f"codes{len(self.inputs)}")
        self.inputs.append(tensor)
        self.arrays.append(self.rng.integers(0, levels, self.rows).astype(np.int32))
        return tensor

    def variable(self, shape: tuple[int, ...]) -> Tensor:
        name = f"variable{len(self.variables)}"
        tensor = variable(self.rng.normal(size=shape), self.dtype, name)
        self.variables.append(tensor)
        self.pool.append(tensor)
        return tensor

    def pick(self) -> Tensor:
        # Late ones more often: deep graphs find more.
        place = max(self.number(len(self.pool)), self.number(len(self.pool)))
        return self.pool[place]

    def pick_matrix(self) -> Tensor:
        matrices = [x for x in self.pool if x.rank == 2]
        return matrices[self.number(len(matrices))]

    def mix(self) -> None:
        """Numbers of the other size, on the way and as results."""
        x = self.pick()
        y = ops.cast(x, self.other)
        choice = self.number(4)
        if choice == 0 and self.others:
            same = [z for z in self.others if z.shape == y.shape] or [y]
            y = y * same[self.number(len(same))]
        elif choice == 1 and x.rank:
            y = ops.mean(y, [self.number(x.rank)], keepdims=True)
        elif choice == 2 and x.rank == 2:
            n, k = self.width(), x.shape[1]
            y = matmul(y, ops.cast(self.variable((k, n)), self.other)) * (1.0 / np.sqrt(k))
        y = ops.tanh(y)
        self.others.append(y)
        self.pool.append(ops.cast(y, self.dtype) * 0.5)

    def step(self) -> None:
        if self.mixed and self.number(3) == 0:
            self.mix()
        if self.stacks and self.number(2) == 0:
            self.pool.append(self.batch_product())
        kind = self.number(15)
        x = self.pick()
        if kind < 3:
            y = make(UNARY[self.number(len(UNARY))], x)
        elif kind < 6:
            y = self.binary(x)
        elif kind == 6:
            y = ops.exp(-ops.abs(x)) if self.number(2) else ops.log(ops.abs(x) + 0.5)
        elif kind == 7:
            y = ops.where(x > 0.1, x * 0.5, ops.sqrt(ops.abs(x) + 0.1))
        elif kind == 8 and x.rank > 2 and x.shape[-1] is not None:
            y = self.lines_product(x)
        elif kind < 10:
            y = self.product(self.pick_matrix())
        elif kind == 10:
            y = self.reduction(x)
        elif kind == 11 and x.rank in (3, 4) and self.number(4):
            y = self.windows(x)
        elif kind == 11:
            y = self.moved(x)
        elif kind == 12:
            levels = self.width() + 1
            y = ops.gather(self.variable((levels, self.width())), self.codes(levels))
        elif kind == 13 and x.rank == 2 and x.shape[0] is None:
            y = make(Op.SCATTER_ADD, self.codes(3), x, length=3)
        elif x.rank and x.shape[-1] is not None:
            y = ops.softmax(x)
        else:
            y = ops.equal(x, x) + x
        # Kept small, so that long chains neither overflow nor lose all digits.
        self.pool.append(ops.tanh(y) if y.dtype.is_float and self.number(2) else y * 0.3)

    def binary(self, x: Tensor) -> Tensor:
        fitting = [y for y in self.pool if y.shape == x.shape or y.rank == 0]
        other = fitting[self.number(len(fitting))]
        if self.number(4) == 0 and x.rank and x.shape[-1] is not None:
            other = self.variable((x.shape[-1],))
        if self.number(5) == 0:
            return x / (ops.abs(other) + 0.5)
        op = BINARY[self.number(len(BINARY))]
        a, b = (x, other) if self.number(2) or x.rank == 0 else (other, x)
        return ops.maximum(a, b) if op is Op.MAXIMUM else {
            Op.ADD: lambda: a + b,
            Op.SUB: lambda: a - b,
            Op.MUL: lambda: a * b,
            Op.MINIMUM: lambda: ops.minimum(a, b),
        }[op]()  # fmt: skip

    def product(self, x: Tensor) -> Tensor:
        n = self.width()
        if x.shape[0] is None and self.number(3) == 0:
            others = [y for y in self.pool if y.rank == 2 and y.shape[0] is None]
            other = others[self.number(len(others))]
            return matmul(x, other, transpose_a=True) * (1.0 / 8)
        k = x.shape[1]
        ta = x.shape[0] is not None and bool(self.number(2))
        inner = x.shape[0] if ta else k
        assert inner is not None
        tb = bool(self.number(2))
        w = self.variable((n, inner) if tb else (inner, n))
        y = matmul(x, w, ta, tb) * (1.0 / np.sqrt(inner))
        return y + self.variable((n,)) if self.number(2) else y

    def lines_product(self, x: Tensor) -> Tensor:
        k = x.shape[-1]
        assert k is not None
        others = [y for y in self.pool if y.shape[:-1] == x.shape[:-1]]
        if self.number(3) == 0:
            other = others[self.number(len(others))]
            return matmul(x, other, transpose_a=True) * 0.05
        n, tb = self.width(), bool(self.number(2))
        y = matmul(x, self.variable((n, k) if tb else (k, n)), False, tb) * (1.0 / np.sqrt(k))
        return y + self.variable((n,)) if self.number(2) else y

    def batch_product(self) -> Tensor:
        """Of a stack with itself, one of them turned, with another that fits, or with a matrix."""
        stacks = [x for x in self.pool if x.rank > 2]
        x = stacks[self.number(len(stacks))]
        choice = self.number(4)
        ta = choice == 0 or (choice > 1 and bool(self.number(2)))
        y, tb = x, not ta
        k = x.shape[-2 if ta else -1] or 1
        if choice == 2:
            fitting = [
                (y, turned)
                for y in stacks
                for turned in (False, True)
                if y.shape[:-2] == x.shape[:-2] and y.shape[-1 if turned else -2] == k
            ]
            if fitting:
                y, tb = fitting[self.number(len(fitting))]
        elif choice == 3:
            y, tb = self.variable((*(1,) * (x.rank - 2), k, self.width())), False
        y = batch_matmul(x, y, ta, tb) * float(1.0 / np.sqrt(k))
        return ops.softmax(y) if self.number(4) == 0 else y

    def windows(self, x: Tensor) -> Tensor:
        lengths = tuple(dim or 1 for dim in x.shape[1:-1])
        size = tuple(1 + self.number(min(3, n)) for n in lengths)
        stride = tuple(1 + self.number(2) for _ in lengths)
        around = [tuple(self.number(2) for _ in lengths) for _ in range(2)]
        windows = Windows(size, stride, (1,) * len(size), around[0], around[1])
        joined = bool(self.number(2))
        y = make(Op.PATCHES, x, windows=windows, joined=joined, fill=0.0)
        if self.number(2):
            return y
        return make(Op.PATCHES_ADD, y * 0.3, windows=windows, joined=joined, lengths=lengths)

    def reduction(self, x: Tensor) -> Tensor:
        if not x.rank:
            return x * 2.0
        axes = [axis for axis in range(x.rank) if self.number(2)] or [x.rank - 1]
        if self.number(3) == 0:
            return ops.max(x, axes, keepdims=bool(self.number(2)))
        return ops.mean(x, axes, keepdims=bool(self.number(2)))

    def moved(self, x: Tensor) -> Tensor:
        fixed = [dim for dim in x.shape if dim is not None]
        first = (None,) if None in x.shape else ()
        if not fixed:
            return reshape(x, (*x.shape, 1))
        choice = self.number(5)
        if choice == 0:
            size = int(np.prod(fixed))
            parts = [d for d in (2, 3, 5, 17) if size % d == 0]
            new = (parts[0], size // parts[0]) if parts else (size, 1)
            return reshape(x, (*first, *new))
        if choice == 1 and len(fixed) >= 2:
            order = list(range(len(first), x.rank))
            self.rng.shuffle(order)
            return ops.transpose(x, (*range(len(first)), *map(int, order)))
        if choice == 2 and fixed[-1] > 1:
            cut = 1 + self.number(fixed[-1] - 1)
            index = (slice(None),) * (x.rank - 1)
            return x[(*index, slice(0, cut))] if self.number(2) else x[(*index, slice(cut, None))]
        if choice == 3:
            before = (*[0] * (x.rank - 1), self.number(3))
            after = (*[0] * (x.rank - 1), self.number(3))
            return ops.pad(x, before, after)
        return ops.concat([x, x * 0.5])

    def grow(self, steps: int) -> Case:
        self.leaf((None, self.width()))
        self.leaf((None, self.width()))
        self.leaf(())
        if self.number(2):
            self.leaf((self.width(),))
        if self.number(3) == 0:
            self.leaf((None, 3, self.width()))
        if self.number(3) == 0:
            self.leaf((None, 4, 3, int(self.rng.choice(WIDTHS[:7]))))
        if self.stacks:
            self.leaf((None, 3, self.width()))
            self.leaf((None, 2, 5, self.width()))
        self.variable((self.width(), self.width()))
        self.variable(())
        for _ in range(steps):
            self.step()
        outputs = (*self.pool[-3:], self.pick(), *self.others[-2:])
        if self.number(3) == 0:
            outputs += (self.pool[self.number(len(self.pool))],)
        return Case(Graph(self.inputs_tuple(), outputs, self.updates()).verify(), self.arrays)

    def inputs_tuple(self) -> tuple[Tensor, ...]:
        return tuple(self.inputs)

    def updates(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """Some variables change; now and then two of one shape change places."""
        pairs: list[tuple[Tensor, Tensor]] = []
        free = list(self.variables)
        self.rng.shuffle(free)  # type: ignore[arg-type]
        for old in free[: 1 + self.number(4)]:
            same = [x for x in self.pool if x.shape == old.shape and x.dtype is old.dtype]
            new = same[self.number(len(same))]
            choice = self.number(4)
            if choice == 0 and new.op is Op.VARIABLE and new is not old:
                if any(new is seen for seen, _ in pairs) or any(old is seen for seen, _ in pairs):
                    continue
                pairs += [(old, new), (new, old)]
            elif choice == 1 and self.number(2) and not any(old is seen for seen, _ in pairs):
                pairs.append((old, new))  # As it is, whoever else reads it.
            elif not any(old is seen for seen, _ in pairs):
                pairs.append((old, old * 0.9 + new * 0.1 if choice < 3 else constant_like(old)))
        return tuple(pairs)


def constant_like(x: Tensor) -> Tensor:
    return constant(np.full([d or 1 for d in x.shape], 0.25), x.dtype)


def random_case(
    seed: int,
    dtype: str,
    steps: int,
    mixed: bool = False,
    stacks: bool = False,
    closed: bool = False,
) -> Case:
    """The same case for the same numbers.

    `mixed` ones compute some things in the other size, those with `stacks` multiply such, `closed`
    ones have no placeholders.
    """
    return Grower(seed, dtype, mixed, stacks, closed).grow(steps)
