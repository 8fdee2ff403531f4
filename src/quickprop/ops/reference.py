"""The NumPy interpreter of graphs: slow, plain, and what everything compiled is compared with."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from quickprop.foundation.lazy_module import LazyModule
from quickprop.graph import Graph, Op, Storage, Tensor, walk
from quickprop.ops import threefry

#: Few graphs need it: it takes as long to load as all else here.
special = LazyModule("scipy.special", "the reference interpreter")

Arrays = list[np.ndarray]
Rule = Callable[..., np.ndarray]
Ranges = tuple[slice, ...]


def _fill_rows(shape: tuple[int | None, ...], rows: int) -> tuple[int, ...]:
    return tuple(rows if dim is None else dim for dim in shape)


def _matmul(node: Tensor, rows: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if node.attribute("transpose_a"):
        a = a.reshape(-1, a.shape[-1]).T
        b = b if node.attribute("transpose_b") else b.reshape(-1, b.shape[-1])
    product: np.ndarray = a @ (b.T if node.attribute("transpose_b") else b)
    return product


def _batch_matmul(node: Tensor, rows: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a = a.swapaxes(-1, -2) if node.attribute("transpose_a") else a
    products: np.ndarray = a @ (b.swapaxes(-1, -2) if node.attribute("transpose_b") else b)
    return products


def _slice(node: Tensor, rows: int, x: np.ndarray) -> np.ndarray:
    ranges = zip(node.attribute("start"), node.attribute("stop"), strict=True)
    return x[tuple(slice(low, high) for low, high in ranges)]


def _gather(node: Tensor, rows: int, table: np.ndarray, index: np.ndarray) -> np.ndarray:
    picked: np.ndarray = table[np.clip(index, 0, len(table) - 1)]
    return picked


def _scatter_add(node: Tensor, rows: int, index: np.ndarray, values: np.ndarray) -> np.ndarray:
    length = node.attribute("length")
    out = np.zeros((length, values.shape[1]), values.dtype)
    np.add.at(out, np.clip(index, 0, length - 1), values)
    return out


def _window_views(node: Tensor, lengths: tuple[int, ...]) -> Iterator[tuple[int, Ranges, Ranges]]:
    """For each place of a window: the windows of which it lies inside, and the positions of it."""
    windows = node.attribute("windows")
    counts = windows.counts(lengths)
    for place, at in enumerate(np.ndindex(*windows.size)):
        ranges = [
            windows.inside(axis, at[axis], length, count)
            for axis, (length, count) in enumerate(zip(lengths, counts, strict=True))
        ]
        if any(low >= high for low, high in ranges):
            continue
        positions = tuple(
            slice(
                windows.at(axis, low, at[axis]),
                windows.at(axis, high - 1, at[axis]) + 1,
                windows.stride[axis],
            )
            for axis, (low, high) in enumerate(ranges)
        )
        yield place, tuple(slice(low, high) for low, high in ranges), positions


def _index(*axes: Any) -> tuple[Any, ...]:
    """All rows, and these of the other axes."""
    return (slice(None), *axes)


def _patches(node: Tensor, rows: int, x: np.ndarray) -> np.ndarray:
    windows, lengths = node.attribute("windows"), x.shape[1:-1]
    apart = (len(x), *windows.counts(lengths), math.prod(windows.size), x.shape[-1])
    out = np.full(apart, node.attribute("fill"), x.dtype)
    for place, some, positions in _window_views(node, lengths):
        out[_index(*some, place)] = x[_index(*positions)]
    return out.reshape(_fill_rows(node.shape, rows))


def _patches_add(node: Tensor, rows: int, values: np.ndarray) -> np.ndarray:
    windows, lengths = node.attribute("windows"), node.attribute("lengths")
    out = np.zeros(_fill_rows(node.shape, rows), values.dtype)
    apart = (len(values), *windows.counts(lengths), math.prod(windows.size), out.shape[-1])
    values = values.reshape(apart)
    for place, some, positions in _window_views(node, lengths):
        out[_index(*positions)] += values[_index(*some, place)]
    return out


def _uniform(node: Tensor, rows: int, seed: np.ndarray, step: np.ndarray) -> np.ndarray:
    shape = _fill_rows(node.shape, rows)
    index = np.arange(int(np.prod(shape)), dtype=np.uint32).reshape(shape)
    stream = zlib.crc32(str(node.attribute("stream")).encode())
    key = np.array(stream, np.uint32)
    return threefry.uniform_numpy(index, step.view(np.uint32), seed.view(np.uint32), key)


def _sum(node: Tensor, rows: int, x: np.ndarray) -> np.ndarray:
    total: np.ndarray = x.sum(axis=node.attribute("axes"), keepdims=True, dtype=x.dtype)
    return total


def _plain(function: Callable[..., np.ndarray]) -> Rule:
    """A rule that needs the arrays alone."""
    return lambda node, rows, *arrays: function(*arrays)


RULES: dict[Op, Rule] = {
    Op.ROW_COUNT: lambda node, rows: np.asarray(rows),
    Op.NEG: _plain(np.negative),
    Op.EXP: _plain(np.exp),
    Op.LOG: _plain(np.log),
    Op.SQRT: _plain(np.sqrt),
    Op.TANH: _plain(np.tanh),
    Op.SIGMOID: _plain(lambda x: special.expit(x)),
    Op.ERF: _plain(lambda x: special.erf(x)),
    Op.SIN: _plain(np.sin),
    Op.COS: _plain(np.cos),
    Op.ABS: _plain(np.abs),
    Op.STOP_GRADIENT: _plain(lambda x: x),
    Op.CAST: _plain(lambda x: x),
    Op.ADD: _plain(np.add),
    Op.SUB: _plain(np.subtract),
    Op.MUL: _plain(np.multiply),
    Op.DIV: _plain(np.divide),
    Op.POW: _plain(np.power),
    Op.MAXIMUM: _plain(np.maximum),
    Op.MINIMUM: _plain(np.minimum),
    Op.LESS: _plain(np.less),
    Op.EQUAL: _plain(np.equal),
    Op.WHERE: lambda node, rows, c, a, b: np.asarray(np.where(c != 0, a, b)),
    Op.SUM: _sum,
    Op.MAX: lambda node, rows, x: x.max(axis=node.attribute("axes"), keepdims=True),
    Op.MATMUL: _matmul,
    Op.BATCH_MATMUL: _batch_matmul,
    Op.RESHAPE: lambda node, rows, x: x.reshape(_fill_rows(node.shape, rows)),
    Op.TRANSPOSE: lambda node, rows, x: x.transpose(node.attribute("axes")),
    Op.BROADCAST: lambda node, rows, x: np.broadcast_to(x, _fill_rows(node.shape, rows)),
    Op.SLICE: _slice,
    Op.PAD: lambda node, rows, x: np.pad(
        x, list(zip(node.attribute("before"), node.attribute("after"), strict=True))
    ),
    Op.CONCAT: lambda node, rows, *parts: np.concatenate(parts, axis=node.attribute("axis")),
    Op.GATHER: _gather,
    Op.SCATTER_ADD: _scatter_add,
    Op.PATCHES: _patches,
    Op.PATCHES_ADD: _patches_add,
    Op.UNIFORM: _uniform,
}


def evaluate(graph: Graph, feeds: Mapping[Tensor, np.ndarray]) -> tuple[Arrays, Arrays]:
    """Compute a graph.

    Parameters
    ----------
    graph : Graph
    feeds : mapping of Tensor to array
        A value for each input, of its shape (any number of rows, the same for all) and type.

    Returns
    -------
    outputs, updates : list of arrays
        The outputs, and the new values of the updated variables. Variables are not changed.
    """
    rows = next((len(feeds[x]) for x in graph.inputs if x.shape and x.shape[0] is None), 1)
    values: dict[Tensor, np.ndarray] = {}
    # Overflow and 0/0 give infinities and NaN, as in native code, without a warning for each.
    with np.errstate(all="ignore"):
        for node in walk(graph.roots):
            values[node] = _value(node, rows, values, feeds)
    outputs = [np.array(values[x]) for x in graph.outputs]
    return outputs, [np.array(values[new]) for _, new in graph.updates]


def _value(
    node: Tensor,
    rows: int,
    values: Mapping[Tensor, np.ndarray],
    feeds: Mapping[Tensor, np.ndarray],
) -> np.ndarray:
    if node.op is Op.PLACEHOLDER:
        return np.asarray(feeds[node], node.dtype.value)
    if node.op is Op.VARIABLE:
        storage: Storage = node.attribute("storage")
        return storage.array
    if node.op is Op.CONSTANT:
        numbers: np.ndarray = node.attribute("value")
        return numbers
    result = RULES[node.op](node, rows, *(values[source] for source in node.inputs))
    return np.asarray(result, node.dtype.value)
