"""The node of a graph. A `Tensor` is frozen data that says how a value is computed from others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import DTypeError, GraphError, ShapeError
from quickprop.foundation.deadline import look_at_the_clock
from quickprop.graph.given import flag, in_type, listed, own_numbers, real_numbers
from quickprop.graph.indexing import cut_of
from quickprop.graph.primitives import Op
from quickprop.graph.shape_rules import (
    RULES,
    Dim,
    Shape,
    broadcast_shapes,
    check_shape,
    show_shape,
)
from quickprop.graph.storage import Storage

Number = int | float


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


def constant_node(array: np.ndarray, dtype: DType, name: str | None = None) -> Tensor:
    """The constant of an array that is its own from now on."""
    array.setflags(write=False)
    shape = check_shape(array.shape, name or "constant")
    return Tensor(Op.CONSTANT, (), (("value", array),), shape, dtype, name)


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
            return constant_node(*own_numbers(value, like.dtype, "constant"))
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
    cut = cut_of(index, x.shape, repr(x))
    if cut.is_all:
        return reshape(x, cut.kept)
    return reshape(make(Op.SLICE, x, start=cut.start, stop=cut.stop), cut.kept)
