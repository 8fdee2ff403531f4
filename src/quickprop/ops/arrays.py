"""Functions of tensors called with plain arrays: the same graph, computed at once by NumPy."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

import numpy as np
from numpy.typing import ArrayLike

from quickprop.config import DType
from quickprop.errors import ShapeError
from quickprop.graph import Graph, Tensor, constant
from quickprop.graph.given import Numbers, listed, real_numbers
from quickprop.ops.reference import evaluate

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])


class OfNumbers(Protocol[P]):
    """A function of a tensor, or of an array: then it gives an array."""

    @overload
    def __call__(self, x: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> Tensor: ...
    @overload
    def __call__(self, x: ArrayLike, /, *args: P.args, **kwargs: P.kwargs) -> Numbers: ...


def takes_array(function: Callable[Concatenate[Tensor, P], Tensor]) -> OfNumbers[P]:
    """Let a function whose first argument is a tensor take an array too; see `takes_arrays`."""
    first = next(iter(inspect.signature(function).parameters))
    return cast("OfNumbers[P]", takes_arrays(first)(function))


def takes_arrays(
    *names: str, several: Sequence[str] = (), whole: Sequence[str] = ()
) -> Callable[[F], F]:
    """Let a function of tensors take arrays too, when it is given no tensor at all.

    The arrays become constants of a graph, which is computed at once: one formula serves tensors
    and arrays, so the two cannot drift apart. They are taken as float32 if all are, else as
    float64, and the result has that type; plain numbers follow the arrays beside them.

    Parameters
    ----------
    *names : str
        The arguments that are tensors.
    several : sequence of str
        Those of them that are sequences of tensors.
    whole : sequence of str
        Those of them that are whole numbers, int32.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def of_numbers(*args: Any, **kwargs: Any) -> Any:
            if args and isinstance(args[0], Tensor):
                return function(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            given = {name: bound.arguments[name] for name in names if name in bound.arguments}
            lists = {n: _parts(value) if n in several else [value] for n, value in given.items()}
            constants = None if _any_tensor(lists) else _constants(lists, whole, function.__name__)
            for name, parts in (constants or lists).items():
                bound.arguments[name] = parts if name in several else parts[0]
            result = function(*bound.args, **bound.kwargs)
            if constants is None:
                return result
            first = np.shape(next(iter(lists.values()))[0])
            if 0 in first:
                return _of_nothing(result, first, function.__name__)
            return evaluate(Graph((), (result,), ()), {})[0][0]

        return cast("F", of_numbers)

    return decorate


def _parts(value: Any) -> list[Any]:
    parts = listed(value)
    return [value] if parts is None else parts


def _any_tensor(lists: Mapping[str, list[Any]]) -> bool:
    return any(isinstance(part, Tensor) for parts in lists.values() for part in parts)


def _constants(
    lists: Mapping[str, list[Any]], whole: Sequence[str], where: str
) -> dict[str, list[Tensor]]:
    arrays = {name: [real_numbers(part, where) for part in parts] for name, parts in lists.items()}
    kinds = {
        array.dtype
        for name in lists
        if name not in whole
        for part, array in zip(lists[name], arrays[name], strict=True)
        if not isinstance(part, int | float)
    }
    kind = DType.float32 if kinds == {np.dtype(np.float32)} else DType.float64
    return {
        name: [_constant(array, DType.int32 if name in whole else kind) for array in parts]
        for name, parts in arrays.items()
    }


def _constant(array: Numbers, kind: DType) -> Tensor:
    """The array; where it is empty, a single number stands for it on every axis."""
    return constant(array if array.size else np.zeros([dim or 1 for dim in array.shape]), kind)


def _of_nothing(result: Tensor, shape: tuple[int, ...], where: str) -> Numbers:
    """Nothing for nothing, where every number given would have become one number."""
    if result.shape != tuple(dim or 1 for dim in shape):
        raise ShapeError("an empty array", where=where, given=f"shape {shape}")
    return np.zeros(shape, result.dtype.value)
