"""A trace as the page of a textbook: sums, activations, loss and chain rule with their numbers.

Layers and neurons are counted from 1 here: ``w_2,13`` leads from neuron 3 of layer 1 to neuron 1 of
layer 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from quickprop.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquaredError
from quickprop.nn.traced import Traced, TracedLayer

#: Most neurons of a layer and most terms of a sum that are written out.
MOST = 6
#: How many terms stand in front of the dots of a longer sum.
FIRST = 3

Symbol = Callable[[int], str]


def page(trace: Traced, row: int) -> str:
    """The page of one row."""
    return "\n".join(_Page(trace, row).lines())


# -- numbers and sums -----------------------------------------------------------------------------


def show(value: float) -> str:
    """Four digits."""
    text = f"{value:.4g}"
    return "0" if text == "-0" else text


def _factor(value: float) -> str:
    text = show(value)
    return f"({text})" if text.startswith("-") else text


def _sum(products: Iterable[Sequence[float]], total: int) -> str:
    """Products of numbers added up, dots after the first when there are more than are written."""
    text = ""
    for product in products:
        first, *rest = product
        head = show(first)
        minus = head.startswith("-")
        if text:
            text += " - " if minus else " + "
            head = head.removeprefix("-")
        text += " · ".join([head, *map(_factor, rest)])
    return text + _dots(total)


def _dots(total: int) -> str:
    left = total - _shown(total)
    return f" + ... ({left} more)" if left else ""


def _shown(total: int) -> int:
    """How many of so many terms are written."""
    return total if total <= MOST else FIRST


def _index(i: int, j: int | None = None) -> str:
    """``12`` for two small numbers, ``1,12`` where that could be misread."""
    if j is None:
        return str(i + 1)
    return f"{i + 1}{j + 1}" if i < 9 and j < 9 else f"{i + 1},{j + 1}"


# -- activations ----------------------------------------------------------------------------------

#: What an activation does to a number, in numbers.
_FORMULAS: dict[str, Callable[[float], str]] = {
    "sigmoid": lambda a: f"1 / (1 + exp({show(-a)}))",
    "relu": lambda a: f"max(0, {show(a)})",
}
#: Its gradient by its own output: the formula, and the same in numbers.
_ACTIVATION_GRADIENTS: dict[str, tuple[Callable[[str], str], Callable[[float], str]]] = {
    "sigmoid": (
        lambda o: f"{o} · (1 - {o})",
        lambda o: f"{show(o)} · (1 - {show(o)})",
    ),
    "tanh": (lambda o: f"(1 - {o}²)", lambda o: f"(1 - {_factor(o)}²)"),
}


class _Page:
    """The page of one row of a trace."""

    def __init__(self, trace: Traced, row: int) -> None:
        self.trace = trace
        self.row = row
        self.number: dict[str, int] = {}
        for layer in trace.layers:
            if layer.weighted_inputs is not None:
                self.number[layer.name] = len(self.number) + 1
        self.symbols: dict[str, Symbol] = {}
        first = {False: 0, True: 0}
        for name, array in trace.inputs.items():
            codes = array.dtype.kind == "i"
            names = trace.names.categories if codes else trace.input_names
            start = first[codes]
            first[codes] += array[0].size
            flat = array.ndim == 2 and names is not None
            self.symbols[name] = _numbered(names[start:]) if flat and names else _named(name)
        for layer in trace.layers:
            self.symbols[layer.result_name] = self._symbol(layer)

    def _symbol(self, layer: TracedLayer) -> Symbol:
        if layer.name in self.number:
            return lambda j: f"o_{self.number[layer.name]},{_index(j)}"
        if layer.kind == "ConstantNeuron":
            before, last = self.symbols[layer.sources[0]], layer.outputs.shape[1] - 1
            return lambda j: "1" if j == last else before(j)
        if np.array_equal(layer.outputs, layer.inputs):
            # Dropout, outside training: what passes unchanged keeps its symbols.
            return self.symbols[layer.sources[0]]
        return _named(layer.name)

    def lines(self) -> list[str]:
        """All lines."""
        found = [*self._head(), "", "FORWARD"]
        for layer in self.trace.layers:
            found += ["", *self._forward(layer)]
        if self.trace.loss is None:
            return found
        forward, back, by_weighted = self._loss()
        found += ["", *forward, "", "BACKWARD"]
        last = self.trace[self.trace.output_names[0]]
        for layer in reversed(self.trace.layers):
            start = back if layer is last else None
            found += ["", *self._backward(layer, start, by_weighted and layer is last)]
        return found

    def _head(self) -> list[str]:
        parts = []
        columns = 0
        for name, array in self.trace.inputs.items():
            values = array[self.row].ravel()
            symbol = self.symbols[name]
            said = [show(v) for v in values[: 2 * MOST]]
            if array.dtype.kind == "i":
                said = [self._level(columns + j, v) for j, v in enumerate(values[: 2 * MOST])]
                columns += len(values)
            known = [f"{symbol(j)} = {text}" for j, text in enumerate(said)]
            more = len(values) - len(known)
            parts += [*known, *([f"... ({more} more)"] if more else [])]
        if self.trace.target is not None:
            target = np.ravel(self.trace.target[self.row])
            known = [show(v) for v in target[: 2 * MOST]]
            more = len(target) - len(known)
            parts.append("target " + ", ".join([*known, *([f"... ({more} more)"] if more else [])]))
        rows = self.trace.rows
        return [
            f"{'One row' if rows == 1 else f'Row {self.row + 1} of {rows}'}: {', '.join(parts)}"
        ]

    def _level(self, column: int, code: float) -> str:
        """A code of a column of categories: the name of its level, if that is known."""
        levels = self.trace.names.levels
        return show(code) if levels is None else levels[column][int(code)]

    # -- forward --------------------------------------------------------------------------------

    def _title(self, layer: TracedLayer) -> str:
        if layer.name not in self.number:
            return f"{layer.name} ({layer.kind})"
        behind = f", {layer.activation}" if layer.activation else ""
        return f"Layer {self.number[layer.name]} ({layer.name}{behind})"

    def _forward(self, layer: TracedLayer) -> list[str]:
        lines = [self._title(layer)]
        if layer.weighted_inputs is None:
            values = layer.outputs[self.row].ravel()
            shape = " x ".join(map(str, layer.outputs.shape[1:]))
            dots = ", ..." if len(values) > MOST else ""
            return [*lines, f"  gives {', '.join(map(show, values[:MOST]))}{dots} ({shape})"]
        for i in range(_shown(layer.weighted_inputs.shape[1])):
            lines += self._weighted_sum(layer, i)
            meaning = "" if layer.neuron_names is None else f"   ({layer.neuron_names[i]})"
            lines.append(self._activated(layer, i) + meaning)
        return lines + self._more(layer)

    def _more(self, layer: TracedLayer) -> list[str]:
        neurons = layer.outputs.shape[1]
        left = neurons - _shown(neurons)
        return [f"  ... {left} more neurons"] if left else []

    def _weighted_sum(self, layer: TracedLayer, i: int) -> list[str]:
        assert layer.weights is not None
        assert layer.weighted_inputs is not None
        number, source = self.number[layer.name], self.symbols[layer.sources[0]]
        width = len(layer.weights)
        shown = range(_shown(width))
        name = f"a_{number},{_index(i)}"
        named = [f"w_{number},{_index(i, j)} · {source(j)}" for j in shown]
        numbers = [(layer.weights[j, i], layer.inputs[self.row, j]) for j in shown]
        formula, sums = " + ".join(named) + _dots(width), _sum(numbers, width)
        if layer.biases is not None:
            formula += f" + b_{number},{_index(i)}"
            bias = show(layer.biases[i])
            sums += f" - {bias[1:]}" if bias.startswith("-") else f" + {bias}"
        return [
            f"  {name} = {formula}",
            f"  {'':{len(name)}} = {sums} = {show(layer.weighted_inputs[self.row, i])}",
        ]

    def _activated(self, layer: TracedLayer, i: int) -> str:
        assert layer.weighted_inputs is not None
        number, index = self.number[layer.name], _index(i)
        a, o = layer.weighted_inputs[self.row, i], show(layer.outputs[self.row, i])
        name = f"  o_{number},{index}"
        if layer.activation is None or layer.activation == "identity":
            return f"{name} = a_{number},{index} = {o}"
        if layer.activation_gradients is None:
            return f"{name} = {layer.activation}(a_{number})_{index} = {o}"
        known = _FORMULAS.get(layer.activation)
        formula = f"{layer.activation}({show(a)})" if known is None else known(a)
        return f"{name} = {layer.activation}(a_{number},{index}) = {formula} = {o}"

    # -- the loss -------------------------------------------------------------------------------

    def _loss(self) -> tuple[list[str], list[str] | None, bool]:
        """Lines of the loss, of its derivative, and whether that is by the weighted inputs."""
        trace, last = self.trace, self.trace[self.trace.output_names[0]]
        assert trace.loss is not None
        assert trace.loss_value is not None
        writer = _LOSSES.get(type(trace.loss))
        by_weighted = last.loss_by_outputs is None
        gradients = last.loss_by_weighted_inputs if by_weighted else last.loss_by_outputs
        title = f"Loss ({_words(trace.loss)})"
        plain = [title, f"  L = {show(trace.loss_value)}"]
        assert trace.target is not None
        missing = trace.target.dtype.kind == "f" and np.isnan(trace.target).any()
        several = len(trace.output_names) > 1
        if writer is None or missing or several or gradients is None or gradients.ndim != 2:
            return plain, None, by_weighted
        if gradients.shape[1] > MOST:
            return plain, None, by_weighted
        kind = "a" if by_weighted else "o"
        names = [
            f"{kind}_{self.number[last.name]},{_index(i)}"
            if last.name in self.number
            else self.symbols[last.result_name](i)
            for i in range(gradients.shape[1])
        ]
        given = last.weighted_inputs if by_weighted else last.outputs
        assert given is not None
        written = writer(names, given[self.row], np.ravel(trace.target[self.row]), trace.rows)
        if not np.allclose(written.gradients, gradients[self.row], rtol=1e-4, atol=1e-6):
            # The loss was given settings that the formula does not know.
            return plain, None, by_weighted
        lines = [title, *written.forward]
        if trace.rows > 1:
            lines.append(f"  L = mean of L_row over {trace.rows} rows = {show(trace.loss_value)}")
        return lines, written.backward, by_weighted

    # -- backward -------------------------------------------------------------------------------

    def _backward(self, layer: TracedLayer, start: list[str] | None, raw: bool) -> list[str]:
        """The derivatives in a layer; `start` says how the loss depends on the last one."""
        lines = [self._title(layer)]
        if layer.weighted_inputs is None or layer.loss_by_weighted_inputs is None:
            gradients = layer.loss_by_outputs
            if gradients is None:
                return [*lines, "  is part of the loss"]
            values = gradients[self.row].ravel()
            dots = ", ..." if len(values) > MOST else ""
            return [*lines, f"  dL/do = {', '.join(map(show, values[:MOST]))}{dots}"]
        for i in range(_shown(layer.weighted_inputs.shape[1])):
            if start is not None:
                lines.append(start[i])
            elif layer.loss_by_outputs is not None:
                lines += self._by_output(layer, i)
            if not raw:
                lines += self._by_weighted_input(layer, i)
            lines += self._by_parameters(layer, i)
        return lines + self._more(layer)

    def _by_output(self, layer: TracedLayer, i: int) -> list[str]:
        assert layer.loss_by_outputs is not None
        name = f"dL/do_{self.number[layer.name]},{_index(i)}"
        value = show(layer.loss_by_outputs[self.row, i])
        readers = [x for x in self.trace.layers if layer.result_name in x.sources]
        if len(readers) != 1 or readers[0].loss_by_weighted_inputs is None:
            return [f"  {name} = {value}"]
        [reader] = readers
        assert reader.weights is not None
        assert reader.loss_by_weighted_inputs is not None
        number, width = self.number[reader.name], reader.weights.shape[1]
        shown = range(_shown(width))
        named = [f"dL/da_{number},{_index(k)} · w_{number},{_index(k, i)}" for k in shown]
        gradients = reader.loss_by_weighted_inputs[self.row]
        numbers = [(gradients[k], reader.weights[i, k]) for k in shown]
        return [
            f"  {name} = {' + '.join(named)}{_dots(width)}",
            f"  {'':{len(name)}} = {_sum(numbers, width)} = {value}",
        ]

    def _by_weighted_input(self, layer: TracedLayer, i: int) -> list[str]:
        assert layer.loss_by_weighted_inputs is not None
        index = f"{self.number[layer.name]},{_index(i)}"
        name, value = f"dL/da_{index}", layer.loss_by_weighted_inputs[self.row, i]
        by_output = layer.loss_by_outputs
        if by_output is None:
            return [f"  {name} = {show(value)}"]
        if layer.activation is None or layer.activation == "identity":
            return [f"  {name} = dL/do_{index} = {show(value)}"]
        before = by_output[self.row, i]
        gradient = (
            None if layer.activation_gradients is None else layer.activation_gradients[self.row, i]
        )
        if gradient is None or not math.isclose(
            before * gradient, value, rel_tol=1e-4, abs_tol=1e-9
        ):
            # The loss reaches a by more ways than through o, or o depends on the other a too.
            return [f"  {name} = {show(value)}"]
        o = layer.outputs[self.row, i]
        formula = f"{name} = dL/do_{index} · {layer.activation}'(a_{index})"
        numbers = f"{show(before)} · {_factor(gradient)}"
        if layer.activation in _ACTIVATION_GRADIENTS:
            named, in_numbers = _ACTIVATION_GRADIENTS[layer.activation]
            formula += f" = dL/do_{index} · {named(f'o_{index}')}"
            numbers = f"{show(before)} · {in_numbers(o)}"
        return [f"  {formula}", f"  {'':{len(name)}} = {numbers} = {show(value)}"]

    def _by_parameters(self, layer: TracedLayer, i: int) -> list[str]:
        assert layer.weights is not None
        assert layer.loss_by_weighted_inputs is not None
        assert layer.loss_by_weights is not None
        number, source = self.number[layer.name], self.symbols[layer.sources[0]]
        rows, width = self.trace.rows, len(layer.weights)
        shown = range(_shown(rows))
        gradients = layer.loss_by_weighted_inputs[:, i]
        by = f"dL/da_{number},{_index(i)}"
        lines = []
        for j in range(_shown(width)):
            numbers = _sum([(gradients[r], layer.inputs[r, j]) for r in shown], rows)
            name, value = f"dL/dw_{number},{_index(i, j)}", show(layer.loss_by_weights[j, i])
            lines += self._over_rows(name, f"{by} · {source(j)}", numbers, value)
        if width > _shown(width):
            lines.append(f"  ... {width - _shown(width)} more weights")
        if layer.loss_by_biases is not None:
            numbers = "" if rows == 1 else _sum([(gradients[r],) for r in shown], rows)
            name, value = f"dL/db_{number},{_index(i)}", show(layer.loss_by_biases[i])
            lines += self._over_rows(name, by, numbers, value)
        return lines

    def _over_rows(self, name: str, formula: str, numbers: str, value: str) -> list[str]:
        if self.trace.rows == 1:
            return [f"  {name} = {formula}{numbers and f' = {numbers}'} = {value}"]
        return [
            f"  {name} = sum over rows of {formula}",
            f"  {'':{len(name)}} = {numbers} = {value}",
        ]


def _named(name: str) -> Symbol:
    return lambda j: f"{name}[{j + 1}]"


def _numbered(names: Sequence[str]) -> Symbol:
    return lambda j: names[j]


def _words(loss: Loss) -> str:
    """``MeanSquaredError`` as "mean squared error"."""
    text = type(loss).__name__
    return "".join(f" {c.lower()}" if c.isupper() else c for c in text).strip()


# -- losses ---------------------------------------------------------------------------------------


class _Written:
    """A loss and its derivative written out for one row.

    Parameters
    ----------
    forward, backward : list of str
        Lines of the loss; one line for each output's derivative.
    gradients : array
        What the formulas give for the derivatives, to be compared with the traced ones.
    """

    def __init__(self, forward: list[str], backward: list[str], gradients: np.ndarray) -> None:
        self.forward = forward
        self.backward = backward
        self.gradients = gradients


def _over(count: int) -> str:
    return "" if count == 1 else f" / {count}"


def _row(rows: int) -> str:
    return "L" if rows == 1 else "L_row"


def _targets(count: int) -> list[str]:
    return ["y"] if count == 1 else [f"y_{i + 1}" for i in range(count)]


def _mean(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({' + '.join(terms)}) / {len(terms)}"


def _mean_squared(names: list[str], o: np.ndarray, y: np.ndarray, rows: int) -> _Written:
    k, ys = len(names), _targets(len(names))
    named = _mean([f"({n} - {t})²" for n, t in zip(names, ys)])
    numbers = _mean([f"({show(a)} - {_factor(b)})²" for a, b in zip(o, y)])
    value = float(((o - y) ** 2).mean())
    gradients = 2 * (o - y) / (k * rows)
    break_off = "" if k == 1 else f"\n  {'':{len(_row(rows))}}"
    return _Written(
        [f"  {_row(rows)} = {named}{break_off} = {numbers} = {show(value)}"],
        [
            f"  dL/d{names[i]} = 2 · ({names[i]} - {ys[i]}){_over(k * rows)}"
            f" = 2 · ({show(o[i])} - {_factor(y[i])}){_over(k * rows)} = {show(gradients[i])}"
            for i in range(k)
        ],
        gradients,
    )


def _binary(names: list[str], a: np.ndarray, y: np.ndarray, rows: int) -> _Written:
    k, ys = len(names), _targets(len(names))
    p = np.exp(-np.logaddexp(0, -np.float64(a)))
    ps = ["p"] if k == 1 else [f"p_{i + 1}" for i in range(k)]
    value = float((np.logaddexp(0, np.float64(a)) - a * y).mean())
    gradients = (p - y) / (k * rows)
    named = _mean([f"-({t} · ln {q} + (1 - {t}) · ln(1 - {q}))" for q, t in zip(ps, ys)])
    numbers = _mean(
        [f"-({show(t)} · ln {show(q)} + {show(1 - t)} · ln {show(1 - q)})" for q, t in zip(p, y)]
    )
    return _Written(
        [
            *(f"  {q} = sigmoid({n}) = {show(v)}" for q, n, v in zip(ps, names, p)),
            f"  {_row(rows)} = {named}",
            f"  {'':{len(_row(rows))}} = {numbers} = {show(value)}",
        ],
        [
            f"  dL/d{names[i]} = ({ps[i]} - {ys[i]}){_over(k * rows)}"
            f" = ({show(p[i])} - {show(y[i])}){_over(k * rows)} = {show(gradients[i])}"
            for i in range(k)
        ],
        gradients,
    )


def _classes(names: list[str], a: np.ndarray, y: np.ndarray, rows: int) -> _Written:
    e = np.exp(np.float64(a) - a.max())
    p = e / e.sum()
    row = _row(rows)
    if y.size == 1:
        true = np.zeros(len(names))
        true[int(y[0])] = 1
        k = int(y[0])
        loss = f"  {row} = -ln p_{k + 1} = -ln {show(p[k])} = {show(-_ln(p[k]))}"
    else:
        true = y.astype(np.float64)
        named = " + ".join(f"y_{i + 1} · ln p_{i + 1}" for i in range(len(names)))
        numbers = " + ".join(f"{show(t)} · ln {show(q)}" for t, q in zip(true, p))
        value = -sum(t * _ln(q) for t, q in zip(true, p))
        loss = f"  {row} = -({named})\n  {'':{len(row)}} = -({numbers}) = {show(value)}"
    gradients = (p - true) / rows
    return _Written(
        [
            *(f"  p_{i + 1} = softmax({names[0][0]})_{i + 1} = {show(v)}" for i, v in enumerate(p)),
            loss,
        ],
        [
            f"  dL/d{names[i]} = (p_{i + 1} - y_{i + 1}){_over(rows)}"
            f" = ({show(p[i])} - {show(true[i])}){_over(rows)} = {show(gradients[i])}"
            for i in range(len(names))
        ],
        gradients,
    )


def _ln(p: float) -> float:
    return math.log(max(p, 1e-300))


_LOSSES: dict[type[Loss], Callable[[list[str], np.ndarray, np.ndarray, int], _Written]] = {
    MeanSquaredError: _mean_squared,
    BinaryCrossEntropy: _binary,
    CrossEntropy: _classes,
}
