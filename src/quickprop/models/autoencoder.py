"""Learning without labels: rows are squeezed through a narrow layer and put together again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from quickprop.config import DType, as_dtype
from quickprop.data.standardizer import Standardizer
from quickprop.errors import DataError, ModelFileError, SettingError, ShapeError
from quickprop.execution import Function
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.foundation.settings import Component, boolean, choice, integer, number, sequence_of
from quickprop.graph import show_shape
from quickprop.losses import MeanSquaredError
from quickprop.models.encoder_decoder import EncoderDecoder, mirrored, repetition_errors
from quickprop.nn import (
    ACTIVATIONS,
    Activation,
    Dense,
    GaussianNoise,
    Network,
)
from quickprop.train import History, fit

_RULES = {
    "hidden": sequence_of(integer(1, 2**20)),
    "activation": choice({name: row for name, row in ACTIVATIONS.items() if row.trainable}),
    "noise": number(0.0),
    "scaled": boolean(),
    "seed": integer(0),
}
#: Names of the two arrays of a file that are not the network's.
_CENTRE, _SCALE = "columns.centre", "columns.scale"
#: Differences of larger numbers are not finite.
_LARGEST = 1e307


class Autoencoder:
    """A network that learns to give back its own input through a narrow layer, the code.

    Without hidden layers beside the code it is linear, and finds the subspace of the principal
    components (Baldi and Hornik 1989); with them it bends (Hinton and Salakhutdinov 2006). Rows
    unlike those it has learned from come back badly: `reconstruction_error` is a score of anomaly.

    Parameters
    ----------
    *hidden : int
        Widths of the layers down to the code, which is the last; the way back has the same widths
        in the other order. ``Autoencoder(16, 3)`` on 20 columns is 20-16-3-16-20.
    activation : str, optional
        Behind all layers but the code and the output.
    noise : float, optional
        In training the inputs get normal random numbers of that deviation added, and the rows
        without them are asked for (Vincent et al. 2008).
    scaled : bool, optional
        Bring each column to mean 0 and deviation 1 first, those of the training rows.
    seed : int, optional
        Of the starting weights, the order of rows and the noise.
    dtype : {"float32", "float64"}, optional

    Attributes
    ----------
    network : Network
        After `fit`: from scaled rows to scaled rows.
    history : History
        After `fit`: the losses epoch by epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from quickprop import Autoencoder
    >>> line = np.linspace(-1, 1, 200)[:, None] * [1.0, 2.0]
    >>> model = Autoencoder(1).fit(line)
    >>> usual, strange = model.reconstruction_error([[0.5, 1.0], [0.5, -1.0]])
    >>> bool(strange > 10 * usual)
    True
    """

    def __init__(
        self,
        *hidden: int,
        activation: str = "tanh",
        noise: float = 0.0,
        scaled: bool = True,
        seed: int = 0,
        dtype: DType | str = DType.float32,
    ) -> None:
        given = locals()
        settings = {n: rule.checked(given[n], f"Autoencoder.{n}") for n, rule in _RULES.items()}
        self.hidden: tuple[int, ...] = settings["hidden"]
        self.activation: str = settings["activation"]
        self.noise: float = settings["noise"]
        self.scaled: bool = settings["scaled"]
        self.seed: int = settings["seed"]
        self.dtype = as_dtype(dtype)
        self._learned: tuple[Network, History] | None = None
        self._columns = Standardizer.identity(0)
        self._compiled: dict[str, Function] = {}

    # -- learning ---------------------------------------------------------------------------------

    def fit(self, x: Any, *, validation: Any = None, **settings: Any) -> Autoencoder:
        """Learn from rows.

        Parameters
        ----------
        x : array, shape (n, columns)
        validation : array, optional
            Rows that are only looked at, to stop in time.
        **settings
            As `quickprop.train.fit` takes them: optimizer, schedule, epochs, batch_size, patience,
            budget, ...

        Returns
        -------
        Autoencoder
            Itself.

        Raises
        ------
        ShapeError, DataError, SettingError
            The rows are not a matrix of finite numbers, or a setting is not allowed.
        """
        rows = self._matrix(x, "fit")
        if not len(rows):
            raise DataError("no rows to learn from", where="Autoencoder.fit")
        columns = Standardizer.identity(rows.shape[1])
        if self.scaled:
            huge = np.abs(rows).max(axis=0) > _LARGEST
            if huge.any():
                raise DataError(
                    "numbers too large to be scaled",
                    where="Autoencoder.fit",
                    given=f"column {int(np.argmax(huge))}",
                )
            columns = Standardizer.fit(rows)
        network = Network(
            self._layers(rows.shape[1]), rows.shape[1], seed=self.seed, dtype=self.dtype
        )
        held_out = None
        if validation is not None:
            other = columns.encode(self._matrix(validation, "fit", rows.shape[1]))
            held_out = (other, other)
        for name in ("loss", "seed"):
            if name in settings:
                raise SettingError("not a setting of an autoencoder's fit", where=f"fit.{name}")
        scaled = columns.encode(rows)
        history = fit(
            network,
            scaled,
            scaled,
            loss=MeanSquaredError(),
            seed=self.seed,
            validation=held_out,
            **settings,
        )
        self._learned, self._columns = (network, history), columns
        self._compiled = {}
        return self

    def _layers(self, columns: int) -> list[Component]:
        noise: list[Component] = [GaussianNoise(self.noise)] if self.noise else []
        bent = Activation(self.activation)
        front: list[list[Component]] = [[Dense(width), bent] for width in self.hidden[:-1]]
        code: list[list[Component]] = [[Dense(self.hidden[-1])]]
        blocks = mirrored(front, code)
        return [*noise, *(layer for block in blocks for layer in block), Dense(columns)]

    # -- what it has learned ----------------------------------------------------------------------

    def _after_fit(self) -> tuple[Network, History]:
        if self._learned is None:
            raise SettingError(
                "the autoencoder has learned nothing yet",
                where="Autoencoder",
                hint="call fit(rows) first",
            )
        return self._learned

    @property
    def network(self) -> Network:
        """From scaled rows to scaled rows."""
        return self._after_fit()[0]

    @property
    def history(self) -> History:
        """The losses epoch by epoch."""
        return self._after_fit()[1]

    def encode(self, x: Any) -> np.ndarray:
        """The codes of rows, shape (n, width of the code)."""
        return self._as_given(self._core.encode(self._cast(self._scaled(x, "encode"))))

    def decode(self, codes: Any) -> np.ndarray:
        """The rows that belong to codes, shape (n, columns)."""
        core = self._core
        given = self._cast(self._matrix(codes, "decode", self.hidden[-1]))
        return self._columns.decode(self._as_given(core.decode(given)))

    def reconstruct(self, x: Any) -> np.ndarray:
        """The rows as they come back: encoded and decoded."""
        scaled = self._scaled(x, "reconstruct")
        return self._columns.decode(self._as_given(self._core.repeat(self._cast(scaled))))

    def reconstruction_error(self, x: Any) -> np.ndarray:
        """How strange each row is, shape (n,); higher is stranger.

        The mean over the columns of the squared difference between what went in and what came
        back, in deviations of the columns.
        """
        scaled = self._scaled(x, "reconstruction_error")
        return repetition_errors(scaled, self._as_given(self._core.repeat(self._cast(scaled))))

    @property
    def _core(self) -> EncoderDecoder:
        return EncoderDecoder(self.network, self._compiled)

    def _scaled(self, x: Any, where: str) -> np.ndarray:
        return self._columns.encode(self._matrix(x, where, self.network.features))

    def _cast(self, rows: np.ndarray) -> np.ndarray:
        """As the network takes them."""
        # Numbers beyond float32 become infinite, and so does their error.
        with np.errstate(over="ignore"):
            return rows.astype(self.dtype.value)

    @staticmethod
    def _as_given(outputs: np.ndarray) -> np.ndarray:
        """What users get is float64, as their rows are taken."""
        return outputs.astype(np.float64)

    def _matrix(self, x: Any, where: str, columns: int | None = None) -> np.ndarray:
        """Finite numbers (n, columns) in float64."""
        full = f"Autoencoder.{where}"
        try:
            array = np.asarray(x)
        except ValueError as error:
            raise ShapeError("not a matrix", where=full, given=str(error)) from None
        if array.dtype.kind not in "biuf":
            raise DataError("the rows do not hold numbers", where=full, given=f"type {array.dtype}")
        if array.ndim != 2 or not array.shape[1] or columns not in (None, array.shape[1]):
            raise ShapeError(
                "not a matrix of the right shape",
                where=full,
                allowed=f"[rows, {columns or 'columns'}]",
                given=show_shape(array.shape),
            )
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise DataError(
                "NaN or infinity",
                where=full,
                given=f"first in row {int(np.argwhere(~np.isfinite(array))[0][0])}",
                hint="fill or leave out such cells first",
            )
        return array

    # -- as a file --------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a file, whole or not at all.

        Raises
        ------
        DataFileError
            The file cannot be written.
        """
        document = {
            "kind": "autoencoder",
            "settings": {
                "hidden": list(self.hidden),
                "activation": self.activation,
                "noise": self.noise,
                "scaled": self.scaled,
                "seed": self.seed,
                "dtype": self.dtype.value,
            },
            "columns": self.network.features,
            "history": self.history.to_document(),
        }
        arrays = {_CENTRE: self._columns.mean, _SCALE: self._columns.scale}
        write_model_file(path, document, {**self.network.weights(), **arrays})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Autoencoder:
        """Read a file that `save` wrote. No code in it is run; every field is checked.

        Raises
        ------
        ModelFileError
            The file is missing, damaged, or holds something else.
        """
        document, arrays = read_model_file(path)
        where = str(path)
        if document.get("kind") != "autoencoder":
            raise ModelFileError("not an autoencoder", where=where, hint="try quickprop.load(path)")
        try:
            return cls._read(document, arrays)
        except (SettingError, ShapeError) as error:
            raise ModelFileError(
                error.what, where=f"{where}: {error.where}", allowed=error.allowed
            ) from None
        except (TypeError, KeyError):
            raise ModelFileError("a field is missing or not of its kind", where=where) from None

    @classmethod
    def _read(cls, document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Autoencoder:
        settings = dict(document["settings"])
        made = cls(*settings.pop("hidden"), **settings)
        columns = integer(1, 2**24).checked(document["columns"], "columns")
        weights = dict(arrays)
        mean, scale = weights.pop(_CENTRE), weights.pop(_SCALE)
        for array in (mean, scale):
            if array.shape != (columns,) or array.dtype != np.float64:
                raise ShapeError(
                    "not a number for each column", where="columns", given=show_shape(array.shape)
                )
        if not (scale > 0).all():
            raise SettingError("deviations that are not above 0", where=_SCALE)
        made._columns = Standardizer(mean, scale, np.zeros(columns, bool))
        network = Network(
            made._layers(columns), columns, seed=made.seed, dtype=made.dtype, weights=weights
        )
        made._learned = network, History.from_document(document["history"])
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled": {}}

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.hidden))
        if self._learned is None:
            return f"<Autoencoder {shape}, not fitted>"
        return f"<Autoencoder {shape} of {self.network.features} columns: {self.history!r}>"
