"""The node of a graph. A `Tensor` is frozen data that says how a value is computed from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType, as_dtype
from quickprop.errors import DTypeError, GraphError, ShapeError
from quickprop.foundation.deadline import look_at_the_clock
from quickprop.graph.given import checked_name, flag, in_type, listed, own_numbers, real_numbers
from quickprop.graph.primitives import Op
from quickprop.graph.shape_rules import ROWS, RULES, Dim, Shape, check_shape, show_shape

Number = int | float


class Storage:
    """Where the value of a variable is kept between calls.

    A backend may move the numbers into memory laid out its own way; `array` is then a view of
    that memory. `moves` counts such moves of one storage, `Storage.all_moves` those of all.
    """

    all_moves = 0

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.memory = array
        self.moves = 0

    def move_to(self, array: np.ndarray, memory: np.ndarray) -> None:
        """Keep the value in `array`, of the same shape and type, from now on.

        `memory` is all that a backend reads of it, padding included.
        """
        array[...] = self.array
        self.array, self.memory = array, memory
        self.moves += 1
        Storage.all_moves += 1

    def put(self, new: np.ndarray) -> None:
        """Put new numbers into the place of the old."""
        # From numbers that were not finite some may have come into the padding, and would come back
        # from there.
        if not np.isfinite(self.memory).all():
            self.memory[...] = 0
        self.array[...] = new


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Tensor:
    """One node: a primitive, its inputs and attributes, and the shape and type it gives.

    Two tensors are equal only when they are the same object: ``a == b`` compares nodes.

    Examples
    --------
    >>> from quickprop import Tensor, placeholder
    >>> x = placeholder((None, 3), name="x")
    >>> y = 2 * x + 1
    >>> isinstance(y, Tensor), y.shape, y.rank
    (True, (None, 3), 2)
    """

    op: Op
    inputs: tuple[Tensor, ...]
    attributes: tuple[tuple[str, Any], ...]
    shape: Shape
    dtype: DType
    name: str | None = None

    #: NumPy leaves operators to us: an array would make one of objects, a node for each number.
    __array_ufunc__ = None

    def attribute(self, name: str) -> Any:
        """The attribute of that name."""
        for known, value in self.attributes:
            if known == name:
                return value
        raise KeyError(name)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def value(self) -> np.ndarray:
        """A copy of the number(s) held by a variable, or of a constant."""
        if self.op is Op.CONSTANT:
            held: np.ndarray = self.attribute("value")
            return held.copy()
        return self._storage().array.copy()

    def assign(self, value: Any) -> None:
        """Put new numbers into a variable."""
        storage = self._storage()
        where = self.name or "variable"
        new = in_type(real_numbers(value, where), self.dtype, where)
        if new.shape != self.shape:
            raise ShapeError(
                "the new value has another shape",
                where=where,
                allowed=show_shape(self.shape),
                given=show_shape(new.shape),
            )
        storage.put(new)

    def _storage(self) -> Storage:
        if self.op is not Op.VARIABLE:
            raise GraphError("only a variable holds a value", where=str(self), given=self.op.value)
        storage: Storage = self.attribute("storage")
        return storage

    def __repr__(self) -> str:
        label = f" {self.name!r}" if self.name else ""
        return f"<{self.op.value}{label} {self.dtype.value}{show_shape(self.shape)}>"

    def __bool__(self) -> bool:
        raise GraphError(
            "a tensor has no truth value while the graph is being built",
            where=repr(self),
            hint="use where(condition, a, b)",
        )

    # Operators: numbers are taken as constants, shapes are broadcast as NumPy does.
    def __add__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.ADD, self, other)

    def __radd__(self, other: Number) -> Tensor:
        return binary(Op.ADD, other, self)

    def __sub__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.SUB, self, other)

    def __rsub__(self, other: Number) -> Tensor:
        return binary(Op.SUB, other, self)

    def __mul__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.MUL, self, other)

    def __rmul__(self, other: Number) -> Tensor:
        return binary(Op.MUL, other, self)

    def __truediv__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.DIV, self, other)

    def __rtruediv__(self, other: Number) -> Tensor:
        return binary(Op.DIV, other, self)

    def __pow__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.POW, self, other)

    def __rpow__(self, other: Number) -> Tensor:
        return binary(Op.POW, other, self)

    def __lt__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.LESS, self, other)

    def __gt__(self, other: Tensor | Number) -> Tensor:
        return binary(Op.LESS, other, self)

    def __neg__(self) -> Tensor:
        return make(Op.NEG, self)

    def __matmul__(self, other: Tensor) -> Tensor:
        batch = isinstance(other, Tensor) and other.rank > 2
        return batch_matmul(self, other) if batch else matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        # Never a tensor: the error says how to make one.
        return matmul(as_tensor(other, self), self)

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return make(Op.TRANSPOSE, self, axes=tuple(reversed(range(self.rank))))

    def __getitem__(self, index: Any) -> Tensor:
        return slice_tensor(self, index)

    def __iter__(self) -> Iterator[Tensor]:
        raise GraphError("a tensor cannot be iterated over", where=repr(self))


def as_tensors(value: Any, where: str) -> tuple[Tensor, ...]:
    """A sequence of tensors, or the error that says what is none."""
    # A tensor is no sequence, though it can be indexed.
    given = None if isinstance(value, Tensor) else listed(value)
    if given is None:
        raise GraphError(
            "a sequence of tensors is needed",
            where=where,
            given=repr(value)[:80],
            hint="put it in a list" if isinstance(value, Tensor) else None,
        )
    for one in given:
        if not isinstance(one, Tensor):
            raise GraphError(
                "not a tensor",
                where=where,
                allowed="Tensor",
                given=repr(one)[:80],
                hint="make a tensor of numbers by constant(...)",
            )
    return tuple(given)


def make(op: Op, *inputs: Tensor, name: str | None = None, **attributes: Any) -> Tensor:
    """A node of any primitive that is not a leaf, its shape and type found by the rules."""
    for tensor in inputs:
        if not isinstance(tensor, Tensor):
            raise GraphError(
                "an input is not a tensor",
                where=op.value,
                allowed="Tensor",
                given=repr(tensor)[:80],
            )
    # Large networks take seconds to write and to differentiate: a fit may have no time for it.
    look_at_the_clock()
    typed = tuple((tensor.shape, tensor.dtype) for tensor in inputs)
    shape, dtype = RULES[op](op, typed, attributes)
    return Tensor(op, inputs, tuple(sorted(attributes.items())), shape, dtype, name)


# -- leaves ---------------------------------------------------------------------------------------


def placeholder(
    shape: Sequence[Dim] = (), dtype: DType | str = DType.float32, name: str | None = None
) -> Tensor:
    """A value given at each call.

    Parameters
    ----------
    shape : sequence of int or None
        None as the first length stands for the number of rows, known at the call.

    Examples
    --------
    >>> from quickprop import function, mean, placeholder
    >>> x = placeholder((None, 2))
    >>> function([x], mean(x, axes=0))([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [2.0, 3.0]
    """
    name = checked_name(name, "placeholder")
    checked = check_shape(shape, name or "placeholder")
    return Tensor(Op.PLACEHOLDER, (), (), checked, as_dtype(dtype), name)


def constant(value: Any, dtype: DType | str | None = None, name: str | None = None) -> Tensor:
    """Numbers fixed when the graph is written.

    Parameters
    ----------
    value : array_like
        Real numbers. They are copied.
    dtype : {"float32", "float64", "int32"}, optional
        By default int32 for whole numbers and float32 for all others, also where the array is of
        float64, as NumPy's arrays are by themselves: a graph has one type of fractions unless
        another is asked for.
    name : str, optional

    Raises
    ------
    DTypeError, ShapeError
        It holds no real numbers, or one that int32 cannot hold; it is empty.

    Examples
    --------
    >>> from quickprop import constant, function
    >>> function([], constant([1.0, 2.0]) + 1)().tolist()
    [2.0, 3.0]
    """
    name = checked_name(name, "constant")
    array, kind = own_numbers(value, dtype, name or "constant")
    array.setflags(write=False)
    shape = check_shape(array.shape, name or "constant")
    return Tensor(Op.CONSTANT, (), (("value", array),), shape, kind, name)


def variable(value: Any, dtype: DType | str | None = None, name: str | None = None) -> Tensor:
    """Numbers kept between calls, which updates may change. The value is copied.

    Parameters and errors are those of `constant`.

    Examples
    --------
    >>> from quickprop import function, variable
    >>> count = variable(0.0)
    >>> step = function([], count, updates={count: count + 1})
    >>> [float(step()) for _ in range(3)], float(count.value)
    ([0.0, 1.0, 2.0], 3.0)
    """
    name = checked_name(name, "variable")
    array, kind = own_numbers(value, dtype, name or "variable")
    shape = check_shape(array.shape, name or "variable")
    return Tensor(Op.VARIABLE, (), (("storage", Storage(array)),), shape, kind, name)


def variable_of_checked(array: np.ndarray, dtype: DType, name: str | None) -> Tensor:
    """A variable that begins with a copy of what another one like it began with.

    Nothing is checked again: where hundreds of like graphs are filled in, that would take longer
    than all else.
    """
    storage = Storage(np.array(array, order="C"))
    return Tensor(Op.VARIABLE, (), (("storage", storage),), array.shape, dtype, name)


def row_count(dtype: DType | str = DType.float32) -> Tensor:
    """The number of rows of the call, as a scalar.

    Examples
    --------
    >>> from quickprop import function, placeholder, row_count, sum
    >>> x = placeholder((None,))
    >>> float(function([x], sum(x) / row_count())([1.0, 2.0, 6.0]))
    3.0
    """
    return Tensor(Op.ROW_COUNT, (), (), (), as_dtype(dtype), None)


# -- broadcasting and the operators ---------------------------------------------------------------


def as_tensor(value: Tensor | Number, like: Tensor) -> Tensor:
    """The tensor itself, or a number as a scalar constant of the type of `like`."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, bool | int | float | np.number):
        if like.dtype is DType.int32 and value % 1 != 0:
            raise DTypeError(
                "a fraction cannot meet whole numbers",
                where="constant",
                given=repr(value),
                hint="cast the int32 tensor first",
            )
        try:
            return constant(value, like.dtype)
        except DTypeError:
            # A whole number of hundreds of digits is none that NumPy knows.
            raise DTypeError(
                "a number that does not fit",
                where="operator",
                allowed=like.dtype.value,
                given=f"{str(value)[:20]}...",
            ) from None
    raise GraphError(
        "not a tensor",
        where="operator",
        allowed="Tensor or number",
        given=type(value).__name__,
        hint="wrap arrays with constant(...)",
    )


def broadcast_shapes(a: Shape, b: Shape) -> Shape:
    """The common shape by NumPy's rule; rows meets rows or 1."""
    rank = max(len(a), len(b))
    long_a: Shape = (1,) * (rank - len(a)) + a
    long_b: Shape = (1,) * (rank - len(b)) + b
    out = []
    for p, q in zip(long_a, long_b, strict=True):
        if p != q and p != 1 and q != 1:
            raise ShapeError(
                "shapes cannot be broadcast together",
                allowed="equal lengths or 1, from the last axis backwards",
                given=f"{show_shape(a)} and {show_shape(b)}",
            )
        out.append(q if p == 1 else p)
    return tuple(out)


def broadcast_to(x: Tensor, shape: Shape) -> Tensor:
    """Repeat `x` to `shape`, new axes in front."""
    if x.shape == shape:
        return x
    if x.rank < len(shape):
        x = reshape(x, (1,) * (len(shape) - x.rank) + x.shape)
    return x if x.shape == shape else make(Op.BROADCAST, x, shape=tuple(shape))


def reshape(x: Tensor, shape: Sequence[Dim]) -> Tensor:
    """The same numbers in another shape."""
    new = check_shape(shape, "reshape")
    if isinstance(x, Tensor) and x.shape == new:
        return x
    return make(Op.RESHAPE, x, shape=new)


def binary(op: Op, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """Two-input primitive with broadcasting."""
    like = a if isinstance(a, Tensor) else b
    if not isinstance(like, Tensor):
        raise GraphError(
            "at least one operand must be a tensor",
            where=op.value,
            given=repr(a)[:80],
            hint="make a tensor of numbers by constant(...)",
        )
    a, b = as_tensor(a, like), as_tensor(b, like)
    shape = broadcast_shapes(a.shape, b.shape)
    return make(op, broadcast_to(a, shape), broadcast_to(b, shape))


def matmul(a: Tensor, b: Tensor, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """The product of two matrices, either read as its transpose on request.

    ``a`` may have more axes: [..., k] by [k, n] gives [..., n]. With `transpose_a` both may:
    [..., m] and [..., n] give [m, n], summed over all others.

    Examples
    --------
    >>> from quickprop import constant, function, matmul
    >>> row = constant([[1.0, 2.0]])
    >>> function([], matmul(row, row, transpose_b=True))().tolist()
    [[5.0]]
    """
    return make(
        Op.MATMUL,
        a,
        b,
        transpose_a=flag(transpose_a, "matmul.transpose_a"),
        transpose_b=flag(transpose_b, "matmul.transpose_b"),
    )


def batch_matmul(
    a: Tensor, b: Tensor, transpose_a: bool = False, transpose_b: bool = False
) -> Tensor:
    """The products of two stacks of matrices, one for each index of the leading axes.

    Parameters
    ----------
    a, b : Tensor
        [batch..., m, k] and [batch..., k, n]; the leading axes are repeated to one another as NumPy
        does, and may begin with the rows axis.
    transpose_a, transpose_b : bool
        Read each matrix of the stack as its transpose.

    Returns
    -------
    Tensor
        [batch..., m, n].

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import batch_matmul, constant, function
    >>> a = constant(np.ones((5, 2, 3), dtype="float32"))
    >>> b = constant(np.ones((5, 3, 4), dtype="float32"))
    >>> function([], batch_matmul(a, b))().shape
    (5, 2, 4)
    """
    as_tensors((a, b), "batch_matmul")
    transpose_a = flag(transpose_a, "batch_matmul.transpose_a")
    transpose_b = flag(transpose_b, "batch_matmul.transpose_b")
    if min(a.rank, b.rank) < 2 or max(a.rank, b.rank) < 3:
        raise ShapeError(
            "not stacks of matrices",
            where="batch_matmul",
            allowed="at least two axes each, and one of them more",
            given=f"{show_shape(a.shape)} and {show_shape(b.shape)}",
            hint="matmul multiplies two matrices",
        )
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    return make(Op.BATCH_MATMUL, a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def slice_tensor(x: Tensor, index: Any) -> Tensor:
    """Basic indexing: whole numbers and ranges of step 1; an index drops its axis."""
    picked = index if isinstance(index, tuple) else (index,)
    if len(picked) > x.rank:
        raise ShapeError("too many indices", where=repr(x), given=str(len(picked)))
    start: list[int] = []
    stop: list[Dim] = []
    kept: list[Dim] = []
    for axis, dim in enumerate(x.shape):
        part = picked[axis] if axis < len(picked) else slice(None)
        if dim is None:
            if not isinstance(part, slice) or part != slice(None):
                raise ShapeError("the rows axis cannot be cut", where=repr(x), given=repr(part))
            start.append(0)
            stop.append(ROWS)
            kept.append(ROWS)
        elif isinstance(part, slice):
            try:
                low, high, step = part.indices(dim)
            except (TypeError, ValueError):
                low, high, step = 0, 0, 1
            if step != 1 or high <= low:
                raise ShapeError("only non-empty ranges of step 1", where=repr(x), given=str(part))
            start.append(low)
            stop.append(high)
            kept.append(high - low)
        elif isinstance(part, int | np.integer) and not isinstance(part, bool):
            part = int(part)
            low = part + dim if part < 0 else part
            if not 0 <= low < dim:
                raise ShapeError(
                    f"no such index on axis {axis}",
                    where=repr(x),
                    allowed=f"{-dim} to {dim - 1}",
                    given=str(part),
                )
            start.append(low)
            stop.append(low + 1)
        else:
            raise ShapeError(
                "only whole numbers and ranges index a tensor", where=repr(x), given=repr(part)[:80]
            )
    if (tuple(start), tuple(stop)) == ((0,) * x.rank, x.shape):
        return reshape(x, kept)
    return reshape(make(Op.SLICE, x, start=tuple(start), stop=tuple(stop)), kept)


# -- walking and rewriting ------------------------------------------------------------------------


def walk(roots: Sequence[Tensor]) -> list[Tensor]:
    """Every node the roots need, each once, inputs before users."""
    order: dict[Tensor, None] = {}
    # An explicit stack: deep networks must not meet Python's recursion limit.
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        missing = [source for source in node.inputs if source not in order]
        if missing:
            stack += reversed(missing)
        else:
            order[node] = None
            stack.pop()
    return list(order)


def with_inputs(node: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """The same primitive and attributes on other inputs of the same shapes and types."""
    # Tensors are equal only to themselves.
    if node.inputs == inputs:
        return node
    return Tensor(node.op, inputs, node.attributes, node.shape, node.dtype, node.name)


def rewrite(roots: Sequence[Tensor], rule: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """The roots with `rule` applied to every node, inputs first."""
    done: dict[Tensor, Tensor] = {}
    for node in walk(roots):
        look_at_the_clock()
        done[node] = rule(with_inputs(node, tuple(map(done.__getitem__, node.inputs))))
    return [done[root] for root in roots]
