"""The leaves of a graph: what is given at each call, what is fixed, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quickprop.config import DType, as_dtype
from quickprop.graph.given import checked_name, own_numbers
from quickprop.graph.primitives import Op
from quickprop.graph.shape_rules import Dim, check_shape
from quickprop.graph.storage import Storage
from quickprop.graph.tensor import Tensor, constant_node


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
    return constant_node(array, kind, name)


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
