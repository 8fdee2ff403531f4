"""A trained network with its preprocessing, as one thing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.data import (
    ClassTarget,
    Preprocessor,
    RegressionTarget,
    column_of,
    read_table,
    target_from_document,
    usable_rows,
)
from quickprop.errors import ModelFileError, SettingError, ShapeError
from quickprop.losses import CrossEntropy
from quickprop.models.model_file import read_model_file, write_model_file
from quickprop.models.report import FitReport
from quickprop.models.scores import Scores, classification_scores, regression_scores
from quickprop.nn import Network
from quickprop.train import History


@dataclass(frozen=True, repr=False)
class TableModel:
    """Predicts a column of a table from the others.

    Attributes
    ----------
    preprocessor : Preprocessor
        From table to matrices.
    target : RegressionTarget or ClassTarget
        Between the target column and the network's outputs.
    network : Network
    history : History
        Losses epoch by epoch.
    report : FitReport
        What the fit did, and its scores on the test part.
    data_hash : str
        SHA-256 of the table that the model was fitted on.
    """

    preprocessor: Preprocessor
    target: RegressionTarget | ClassTarget
    network: Network
    history: History
    report: FitReport
    data_hash: str

    @property
    def task(self) -> str:
        """Regression or classification."""
        return self.report.task

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """The classes in the order of the columns of `predict_proba`; None for regression."""
        return self.target.classes if isinstance(self.target, ClassTarget) else None

    # -- predictions ----------------------------------------------------------------------------

    def _outputs(self, frame: Any) -> np.ndarray:
        matrices = self.preprocessor.transform(frame)
        return self.outputs_of(matrices.numeric, matrices.categories)

    def outputs_of(self, numeric: np.ndarray, categories: np.ndarray) -> np.ndarray:
        """Raw outputs of the network for preprocessed rows."""
        return self.network.predict(*network_inputs(self.network, numeric, categories))

    def predict(self, data: Any) -> np.ndarray:
        """The target for each row: classes, or numbers in the target's own unit.

        Parameters
        ----------
        data : path or table
            As `quickprop.fit` takes it. Columns may come in any order and more may come; missing
            cells and unseen categories are handled as at training time.

        Returns
        -------
        array, shape (n,)

        Raises
        ------
        DataError, DataFileError
            The table cannot be read, lacks a column, or holds cells of another kind.
        """
        outputs = self._outputs(read_table(data))
        if isinstance(self.target, ClassTarget):
            return self.target.decode(outputs.argmax(axis=1))
        return self.target.decode(outputs)

    def predict_proba(self, data: Any) -> np.ndarray:
        """The probability of each class, shape (n, classes), in the order of `classes`.

        Raises
        ------
        SettingError
            The model predicts numbers, not classes.
        """
        if not isinstance(self.target, ClassTarget):
            raise SettingError(
                "a regression model has no class probabilities",
                where="predict_proba",
                hint="use predict",
            )
        return CrossEntropy().predict(self._outputs(read_table(data)))

    def evaluate(self, data: Any) -> Scores:
        """Scores on a labelled table: accuracy, log_loss, macro_f1; or rmse, mae, r2.

        Rows whose target is missing are left out.

        Raises
        ------
        DataError
            As for `predict`, or the target column is missing or holds an unknown class.
        """
        frame = read_table(data)
        column = column_of(frame, self.report.target)
        mask, _ = usable_rows(column)
        if not mask.all():
            frame = frame.filter(mask.tolist())
            column = column_of(frame, self.report.target)
        outputs = self._outputs(frame)
        if isinstance(self.target, ClassTarget):
            return classification_scores(
                self.target.encode(column), CrossEntropy().predict(outputs)
            )
        return regression_scores(self.target.numbers(column), self.target.decode(outputs))

    def extra_columns(self, data: Any) -> list[str]:
        """Columns of a table that the model does not use, the target apart."""
        extra = self.preprocessor.extra_columns(read_table(data))
        return [name for name in extra if name != self.report.target]

    # -- as a file ------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, whole or not at all.

        Raises
        ------
        DataFileError
            The file cannot be written.
        """
        document = {
            "preprocessing": self.preprocessor.to_document(),
            "target": self.target.to_document(),
            "network": self.network.to_document(),
            "history": self.history.to_document(),
            "report": self.report.to_document(),
            "data_hash": self.data_hash,
        }
        write_model_file(path, document, self.network.weights())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableModel:
        """Read a model file. No code in it is run; every field and shape is checked.

        Raises
        ------
        ModelFileError
            The file is missing, truncated, altered, of a later version or no model at all.
        """
        document, weights = read_model_file(path)
        where = str(path)
        preprocessor = Preprocessor.from_document(document.get("preprocessing"))
        target = target_from_document(document.get("target"))
        network = Network.from_document(document.get("network"))
        outputs = len(target.classes) if isinstance(target, ClassTarget) else 1
        expected = (len(preprocessor.numeric_names), preprocessor.category_levels, outputs)
        found = (network.features, tuple(network.categories), network.width)
        if expected != found:
            raise ModelFileError(
                "the network does not fit the columns and the target",
                where=where,
                allowed=str(expected),
                given=str(found),
                hint="the file is damaged or foreign; fit the model again",
            )
        try:
            network.set_weights(weights)
        except (SettingError, ShapeError) as error:
            raise ModelFileError(
                f"the weights do not fit the network: {error.what}",
                where=f"{where}: {error.where}",
                allowed=error.allowed,
                given=error.given,
            ) from None
        data_hash = document.get("data_hash")
        if not isinstance(data_hash, str):
            raise ModelFileError("'data_hash' is not a text", where=where)
        history = History.from_document(document.get("history"))
        report = FitReport.from_document(document.get("report"))
        return cls(preprocessor, target, network, history, report, data_hash)

    def __repr__(self) -> str:
        scores = self.report.scores.get("network")
        shown = ", ".join(f"{name} {value:.4g}" for name, value in (scores or {}).items())
        return (
            f"<TableModel {self.task} of {self.report.target!r} from "
            f"{len(self.preprocessor.column_names)} columns: {self.network!r}"
            f"{'; test ' + shown if shown else ''}>"
        )


def network_inputs(
    network: Network, numeric: np.ndarray, categories: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The matrices that a network takes: those with columns."""
    given: Mapping[str, np.ndarray] = {"numeric": numeric, "categories": categories}
    return tuple(given[str(leaf.name)] for leaf in network.inputs)


load = TableModel.load
