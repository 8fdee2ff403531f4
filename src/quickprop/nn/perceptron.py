"""The perceptron: one neuron with a step, and the rule by which it learns from its mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError
from quickprop.execution import Minibatches
from quickprop.execution.checks import as_inputs
from quickprop.foundation.settings import integer
from quickprop.graph import ROWS, Graph, matmul, placeholder
from quickprop.nn.initializers import Zeros
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.dense import Dense
from quickprop.nn.network import Network
from quickprop.ops.elementary import abs, mean, sum

_EPOCHS = integer(1)


class Perceptron:
    """Tells two classes apart by a plane, learned by Rosenblatt's rule.

    It answers ``o = 1`` where ``w'x + b > 0``, else 0. Row after row, ``w += (y - o) x`` and
    ``b += y - o``: nothing happens where the answer is right, and no gradient is needed, which a
    step does not have (Rosenblatt 1958). When a plane separates the classes, the rule finds one
    after at most ``(R / gamma)**2`` mistakes, R the greatest length of a row with a 1 put behind
    it, gamma the distance by which the best plane through the origin of that space clears all rows
    (Novikoff 1962). When none does, it never ends, and `separated` says so.

    Parameters
    ----------
    features : int
    input_names : sequence of str, optional

    Attributes
    ----------
    network : Network
        The neuron and its step, in float64; weights begin at zero.
    mistakes : list of int
        Wrong answers in every epoch of the last fit, each given before the weights moved.
    separated : bool
        Whether the last epoch went by without a mistake.

    Examples
    --------
    >>> from quickprop import Perceptron
    >>> rows = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> Perceptron(2).fit(rows, [0, 0, 0, 1])
    <Perceptron of 2 inputs: separated all 4 rows after 6 epochs and 10 mistakes>
    >>> Perceptron(2).fit(rows, [0, 0, 0, 1]).predict(rows).tolist()
    [0, 0, 0, 1]
    """

    def __init__(self, features: int, *, input_names: Sequence[str] | None = None) -> None:
        self.network = Network(
            [Dense(1, initializer=Zeros()), Activation("step")],
            integer(1, 2**24).checked(features, "Perceptron.features"),
            dtype=DType.float64,
            input_names=input_names,
        )
        self.mistakes: list[int] = []
        self._rows = 0

    @property
    def features(self) -> int:
        """Number of inputs."""
        return self.network.features

    @property
    def weights(self) -> np.ndarray:
        """A copy of the weights (features,)."""
        return self.network.layers[0].neurons[0].weights

    @property
    def bias(self) -> float:
        """The bias."""
        return self.network.layers[0].neurons[0].bias

    @property
    def separated(self) -> bool:
        """Whether the last epoch went by without a mistake."""
        return bool(self.mistakes) and self.mistakes[-1] == 0

    @property
    def verdict(self) -> str:
        """How the last fit ended, in words."""
        if not self.mistakes:
            return "not trained"
        epochs = "1 epoch" if len(self.mistakes) == 1 else f"{len(self.mistakes)} epochs"
        if self.separated:
            total = np.sum(self.mistakes)
            return f"separated all {self._rows} rows after {epochs} and {total} mistakes"
        return (
            f"did not separate the classes in {epochs}: {self.mistakes[-1]} mistakes in the last, "
            f"over {self._rows} rows; either no plane does, or the gap is narrow and more epochs "
            "would find one"
        )

    def fit(self, x: Any, y: Any, epochs: int = 1000, *, backend: str | None = None) -> Perceptron:
        """Go through the rows in their order until an epoch without a mistake.

        Learning goes on from the weights of now.

        Parameters
        ----------
        x : array
            (rows, features).
        y : array
            The class of each row, 0 or 1 (rows,).
        epochs : int
            The most passes over the rows.
        backend : {"native", "reference"}, optional

        Returns
        -------
        Perceptron
            Itself.

        Raises
        ------
        SettingError, ShapeError, DTypeError, DataError
            When the arrays do not fit, or hold something else.
        """
        most = _EPOCHS.checked(epochs, "Perceptron.fit.epochs")
        [leaf] = self.network.inputs
        rows, target = as_inputs((leaf, placeholder((ROWS,), DType.float64, "y")), (x, y))
        if not np.isfinite(rows).all():
            raise DataError(
                "NaN or infinity",
                where="Perceptron.fit.x",
                given=f"first in row {int(np.argwhere(~np.isfinite(rows))[0][0])}",
                hint="fill or leave out such cells first",
            )
        if not np.isin(target, (0.0, 1.0)).all():
            raise DataError(
                "a class that is neither 0 nor 1",
                where="Perceptron.fit.y",
                given=str(np.unique(target)[:5].tolist()),
                hint="for two classes of other names, give y == one_of_them",
            )
        graph, classes = self._rule()
        data = {leaf: rows, classes: target[:, np.newaxis]}
        batches = Minibatches(graph, data, 1, backend=backend, threads=1)
        self.mistakes, self._rows = [], len(rows)
        while len(self.mistakes) < most and not self.separated:
            self.mistakes.append(round(batches.run(0, len(rows), {})))
        return self

    def _rule(self) -> tuple[Graph, Any]:
        """One step of the rule as graph; its loss is 1 for a mistake."""
        [x], [dense, _] = self.network.inputs, self.network.layers
        classes = placeholder((ROWS, 1), DType.float64, "y")
        error = classes - self.network.output()
        weight, bias = dense.parameters["weight"], dense.parameters["bias"]
        updates = (
            (weight, weight + matmul(x, error, transpose_a=True)),
            (bias, bias + sum(error, 0)),
        )
        return Graph((x, classes), (mean(abs(error)),), updates), classes

    def predict(self, x: Any, *, backend: str | None = None) -> np.ndarray:
        """The class of each row, int32 (rows,).

        Raises
        ------
        ShapeError, DTypeError
            When the array does not fit.
        """
        found: np.ndarray = self.network.predict(x, backend=backend)[:, 0].astype(np.int32)
        return found

    def __repr__(self) -> str:
        inputs = "1 input" if self.features == 1 else f"{self.features} inputs"
        return f"<Perceptron of {inputs}: {self.verdict}>"
