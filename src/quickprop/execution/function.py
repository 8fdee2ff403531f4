"""A graph as a callable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from quickprop import config
from quickprop.errors import GraphError
from quickprop.execution.checks import as_all_rows, as_inputs
from quickprop.graph import Graph, Tensor, as_tensors
from quickprop.graph.given import listed
from quickprop.native import CsrMatrix, NativeFunction, Rows, as_dense
from quickprop.ops.reference import evaluate
from quickprop.passes import optimise

Updates = Mapping[Tensor, Tensor] | Sequence[tuple[Tensor, Tensor]]


class _Runs(Protocol):
    def __call__(self, *arrays: Rows) -> list[np.ndarray]: ...


class _ReferenceFunction:
    """A graph run by the NumPy interpreter."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(self, *arrays: Rows) -> list[np.ndarray]:
        whole = map(as_dense, arrays)
        outputs, updates = evaluate(self.graph, dict(zip(self.graph.inputs, whole, strict=True)))
        for (variable, _), new in zip(self.graph.updates, updates, strict=True):
            variable.attribute("storage").array[...] = new
        return outputs


class Function:
    """A compiled graph; call it with one array for each input.

    Parameters
    ----------
    graph : Graph
    single : bool
        Return the only output itself and not a tuple.
    backend : {"native", "reference"}, optional

    Examples
    --------
    >>> from quickprop import Function, function, placeholder
    >>> x = placeholder((None, 2))
    >>> double = function([x], 2 * x)
    >>> isinstance(double, Function), double([[1.0, 2.0]]).tolist()
    (True, [[2.0, 4.0]])
    """

    def __init__(self, graph: Graph, single: bool = False, backend: str | None = None) -> None:
        self.backend = config.backend_of(backend, "function.backend")
        self.graph = optimise(graph)
        self.single = single
        self._run: _Runs
        if self.backend == "native":
            self._run = NativeFunction(self.graph)
        else:
            self._run = _ReferenceFunction(self.graph)
        self._with_sparse: dict[tuple[int, ...], _Runs] = {}

    def __call__(self, *arrays: Any) -> Any:
        """Compute the outputs, then apply the updates.

        SciPy's sparse arrays stay sparse where an input has rows.

        Raises
        ------
        ShapeError, DTypeError
            When an array does not fit its placeholder.
        """
        for array in arrays:
            if type(array) is not np.ndarray:
                results = self._run_any(arrays)
                break
        else:
            results = self._run(*as_inputs(self.graph.inputs, arrays))
        return results[0] if self.single else tuple(results)

    def _run_any(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        """Run on arrays of any kind; native code for sparse ones is compiled when it is needed."""
        given = as_all_rows(self.graph.inputs, arrays)
        sparse = tuple(k for k, array in enumerate(given) if isinstance(array, CsrMatrix))
        if not sparse or self.backend != "native":
            return self._run(*given)
        if sparse not in self._with_sparse:
            self._with_sparse[sparse] = NativeFunction(self.graph, sparse_inputs=sparse)
        return self._with_sparse[sparse](*given)

    def __repr__(self) -> str:
        given = ", ".join(map(repr, self.graph.inputs))
        return f"<Function ({given}) -> {len(self.graph.outputs)} outputs, {self.backend}>"


def function(
    inputs: Sequence[Tensor],
    outputs: Tensor | Sequence[Tensor],
    updates: Updates | None = None,
    backend: str | None = None,
) -> Function:
    """Compile a graph to a callable.

    Parameters
    ----------
    inputs : sequence of Tensor
        Placeholders, in the order of the call's arguments.
    outputs : Tensor or sequence of Tensor
        What a call returns; a single tensor gives a single array.
    updates : mapping or pairs of Tensor, optional
        New values for variables, computed with the old ones and put in place after each call.
    backend : {"native", "reference"}, optional
        Compiled code, or the NumPy interpreter.

    Returns
    -------
    Function

    Examples
    --------
    >>> from quickprop import function, gradients, mean, placeholder, square, variable
    >>> x, w = placeholder((None, 1)), variable([[1.0]])
    >>> loss = mean(square(x @ w - 3.0))
    >>> (gradient,) = gradients(loss, [w])
    >>> step = function([x], loss, updates={w: w - 0.1 * gradient})
    >>> [round(float(step([[1.0]])), 2) for _ in range(3)]
    [4.0, 2.56, 1.64]
    """
    single = isinstance(outputs, Tensor)
    wanted = as_tensors([outputs] if single else outputs, "function.outputs")
    given = (
        updates.items()
        if isinstance(updates, Mapping)
        else listed(() if updates is None else updates)
    )
    pairs = [as_tensors(pair, "function.updates") for pair in given or ()]
    if given is None or any(len(pair) != 2 for pair in pairs):
        raise GraphError(
            "not pairs of a variable and its new value",
            where="function.updates",
            given=repr(updates)[:80],
        )
    changes = tuple((old, new) for old, new in pairs)
    return Function(Graph(as_tensors(inputs, "function.inputs"), wanted, changes), single, backend)
