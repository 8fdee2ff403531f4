"""A trained network with its preprocessing, as one thing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quickprop.data import (
    Deviation,
    Matrices,
    Preprocessor,
    Reading,
    Schema,
    column_of,
    read_by,
    usable_rows,
)
from quickprop.errors import ModelFileError, SettingError
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.models.inputs import Interface, network_inputs
from quickprop.models.leaderboard import Standing
from quickprop.models.report import FitReport
from quickprop.models.task import Scores, Task
from quickprop.models.tasks import task_from_document
from quickprop.nn import Add, Dense, Diagram, Embedding, Network, Summary, Trace
from quickprop.nn.names import KEYWORDS
from quickprop.train import History

#: What stands before the names of the linear model's weights in a file.
_LINEAR = "linear."


@dataclass(frozen=True, repr=False)
class TableModel:
    """Predicts a column of a table from the others.

    Attributes
    ----------
    preprocessor : Preprocessor
        From table to matrices.
    target : Task
        Between the target column and the network's outputs: how it is encoded, learned, decoded
        and scored.
    network : Network
    history : History
        Losses epoch by epoch.
    report : FitReport
        What the fit did, and its scores on the test part.
    data_hash : str
        SHA-256 of the table that the model was fitted on.
    linear_part : TableModel or None
        The linear model that the network was compared with, where there was one.
    schema : Schema or None
        How each column is read; None for a model of before there were schemas, whose columns say.

    Examples
    --------
    >>> import quickprop
    >>> from quickprop.data import read_table, sample_path
    >>> model = quickprop.fit(sample_path("iris"), target="species", hidden=[16])
    >>> rows = read_table(sample_path("iris"))
    >>> isinstance(model, quickprop.TableModel), model.classes
    (True, ('Iris-setosa', 'Iris-versicolor', 'Iris-virginica'))
    >>> model.predict_proba(rows).shape
    (150, 3)
    >>> model.evaluate(rows)["accuracy"] > 0.9
    True
    """

    preprocessor: Preprocessor
    target: Task
    network: Network
    history: History
    report: FitReport
    data_hash: str
    linear_part: TableModel | None = None
    schema: Schema | None = None

    @property
    def task(self) -> str:
        """Regression or classification."""
        return self.report.task

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """The classes in the order of the columns of `predict_proba`; None for regression."""
        return self.target.classes

    @property
    def leaderboard(self) -> tuple[Standing, ...]:
        """Who was judged on the same rows, the best first; empty without a search."""
        return self.report.leaderboard

    @property
    def linear(self) -> TableModel:
        """The linear model of the same columns, as a model of its own.

        Raises
        ------
        SettingError
            None was fitted: no rows were held out, or there was no time for it.
        """
        if self.linear_part is not None:
            return self.linear_part
        if self.is_linear:
            return self
        raise SettingError(
            "no linear model was fitted beside this one",
            where="linear",
            hint="fit one with quickprop.fit(..., hidden=[])",
        )

    @property
    def is_linear(self) -> bool:
        """Whether the network is a linear model: nothing in it bends."""
        return all(
            isinstance(placed.layer, Dense | Embedding | Add) for placed in self.network.layers
        )

    # -- predictions ----------------------------------------------------------------------------

    def outputs_of(self, rows: Matrices) -> np.ndarray:
        """Raw outputs of the network for preprocessed rows."""
        return np.asarray(self.network.predict(*network_inputs(self.network, rows)))

    def read(self, data: Any) -> Reading:
        """New rows as this model reads them: by the kinds and spellings of the training table.

        Parameters
        ----------
        data : path or table
            As `quickprop.fit` takes it.

        Returns
        -------
        Reading
            Which `predict`, `evaluate` and `check` take in place of the data.

        Raises
        ------
        DataError, DataFileError
            The table cannot be read, or no cell of a column can.
        """
        return read_by(data, self._schema)

    @cached_property
    def _schema(self) -> Schema:
        if self.schema is not None:
            return self.schema
        columns = {column.name: column.spelling for column in self.preprocessor.columns}
        return Schema(columns)

    def check(self, data: Any) -> tuple[Deviation, ...]:
        """Cells of new rows that are not as those of training were, with counts and examples.

        Levels that the model does not know, cells that cannot be read, numbers far out of the range
        of training, gaps where there were none.

        Parameters
        ----------
        data : path or table
            As `predict` takes it.

        Examples
        --------
        >>> import quickprop
        >>> model = quickprop.fit({"x": ["a", "b"] * 20, "y": [1, 2] * 20}, "y", epochs=2)
        >>> print(*model.check({"x": ["a", "c"]}))
        1 of 2 cells of 'x' is new or too rare at training time, so nothing was learned of them (c)
        """
        reading = self.read(data)
        used = set(self.preprocessor.column_names)
        unread = tuple(one for one in reading.deviations if one.column in used)
        return unread + self.preprocessor.deviations(reading.frame)

    def _outputs(self, data: Any) -> np.ndarray:
        return self.outputs_of(self.preprocessor.transform(self.read(data).frame))

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
        return self.target.decode(self._outputs(data))

    def predict_proba(self, data: Any) -> np.ndarray:
        """The probability of each class, shape (n, classes), in the order of `classes`.

        Raises
        ------
        SettingError
            The model predicts numbers, not classes.
        """
        if self.target.classes is None:
            raise SettingError(
                f"a {self.task} model has no class probabilities",
                where="predict_proba",
                hint="use predict",
            )
        return self.target.scored(self._outputs(data))

    def evaluate(self, data: Any) -> Scores:
        """Scores on a labelled table: accuracy, log_loss, macro_f1, auc; or rmse, mae, r2.

        Rows whose target is missing are left out.

        Raises
        ------
        DataError
            As for `predict`, or the target column is missing or holds an unknown class.
        """
        frame = self.read(data).frame
        column = column_of(frame, self.report.target)
        usable, _ = usable_rows(column)
        if not usable.all():
            frame = frame.filter(usable.tolist())
            column = column_of(frame, self.report.target)
        predicted = self.target.scored(self.outputs_of(self.preprocessor.transform(frame)))
        return self.target.scores(self.target.truth(column), predicted)

    # -- a look inside --------------------------------------------------------------------------

    def trace(self, data: Any) -> Trace:
        """Everything that happens in the network for some rows of a table.

        Parameters
        ----------
        data : path, table, or mapping of str to a cell
            As `predict` takes it; a mapping of names to single cells is one row. Where the target
            is among the columns the trace holds the loss and its derivatives.

        Returns
        -------
        Trace
            Inputs, neurons and outputs by the names of columns, levels and classes.
        """
        if isinstance(data, Mapping) and not any(_is_column(cell) for cell in data.values()):
            data = {name: [cell] for name, cell in data.items()}
        frame = self.read(data).frame
        rows = network_inputs(self.network, self.preprocessor.transform(frame))
        if self.report.target not in frame.columns:
            return self.network.trace(rows if len(rows) > 1 else rows[0])
        target = self.target.encode(column_of(frame, self.report.target))
        return self.network.trace(rows if len(rows) > 1 else rows[0], target, self.target.loss)

    def diagram(self) -> Diagram:
        """Neurons and synapses as a picture (SVG), which notebooks show."""
        return self.network.diagram()

    def summary(self) -> Summary:
        """A table of layers, shapes, parameters and memory."""
        return self.network.summary()

    def extra_columns(self, data: Any) -> list[str]:
        """Columns of a table that the model does not use, the target apart."""
        extra = self.preprocessor.extra_columns(self.read(data).frame)
        return [name for name in extra if name != self.report.target]

    # -- as a file ------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, whole or not at all.

        Raises
        ------
        DataFileError
            The file cannot be written.
        SettingError
            What is given is no path.
        """
        document = {
            "preprocessing": self.preprocessor.to_document(),
            "target": self.target.to_document(),
            **self._network_document(),
            "data_hash": self.data_hash,
        }
        if self.schema is not None:
            document["schema"] = self.schema.to_document()
        weights = self.network.weights()
        if self.linear_part is not None:
            document["linear"] = self.linear_part._network_document()
            if self.linear_part.preprocessor != self.preprocessor:
                document["linear"]["preprocessing"] = self.linear_part.preprocessor.to_document()
            of_linear = self.linear_part.network.weights()
            weights |= {_LINEAR + name: array for name, array in of_linear.items()}
        write_model_file(path, document, weights)

    def _network_document(self) -> dict[str, Any]:
        return {
            "network": self.network.to_document(),
            "history": self.history.to_document(),
            "report": self.report.to_document(),
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableModel:
        """Read a model file. No code in it is run; every field and shape is checked.

        Raises
        ------
        ModelFileError
            The file is missing, truncated, altered, of a later version or no model at all.

        Examples
        --------
        >>> import quickprop
        >>> from quickprop.data import sample_path
        >>> model = quickprop.fit(sample_path("iris"), target="species", epochs=20)
        >>> model.save("iris.quickprop")
        >>> quickprop.load("iris.quickprop").task
        'classification'
        """
        document, weights = read_model_file(path)
        where = str(path)
        data_hash = document.get("data_hash")
        if not isinstance(data_hash, str):
            raise ModelFileError("'data_hash' is not a text", where=where)
        preprocessor = Preprocessor.from_document(document.get("preprocessing"))
        task = task_from_document(document.get("target"))
        schema = None
        if document.get("schema") is not None:
            schema = Schema.from_document(document["schema"])
        linear = None
        if document.get("linear") is not None:
            of_linear = {
                name.removeprefix(_LINEAR): weights.pop(name)
                for name in list(weights)
                if name.startswith(_LINEAR)
            }
            given = document["linear"]
            plain = preprocessor
            if isinstance(given, dict) and "preprocessing" in given:
                plain = Preprocessor.from_document(given["preprocessing"], where="linear")
            network = _network_of(given, of_linear, plain, task, where)
            linear = cls(plain, task, *network, data_hash, schema=schema)
        own = _network_of(document, weights, preprocessor, task, where)
        return cls(preprocessor, task, *own, data_hash, linear, schema)

    def __repr__(self) -> str:
        scores = self.report.scores.get("network")
        shown = ", ".join(f"{name} {value:.4g}" for name, value in (scores or {}).items())
        return (
            f"<TableModel {self.task} of {self.report.target!r} from "
            f"{len(self.preprocessor.column_names)} columns: {self.network!r}"
            f"{'; test ' + shown if shown else ''}>"
        )


def _is_column(cells: object) -> bool:
    """Whether these are the cells of a column, and not one cell."""
    return not isinstance(cells, str | bytes) and hasattr(cells, "__len__")


def _network_of(
    document: object,
    weights: Mapping[str, np.ndarray],
    preprocessor: Preprocessor,
    task: Task,
    where: str,
) -> tuple[Network, History, FitReport]:
    """The network of a document, with its weights, its history and its report."""
    if not isinstance(document, dict):
        raise ModelFileError("not a description of a network", where=where)
    network = Network.from_document(document.get("network"), weights)
    expected = (len(preprocessor.numeric_names), preprocessor.category_levels, task.outputs)
    found = (network.features, tuple(network.categories), network.width)
    if expected != found:
        raise ModelFileError(
            "the network does not fit the columns and the target",
            where=where,
            allowed=str(expected),
            given=str(found),
            hint="the file is damaged or foreign; fit the model again",
        )
    history = History.from_document(document.get("history"))
    report = FitReport.from_document(document.get("report"))
    unnamed = document["network"]
    if not any(keyword in unnamed for keyword in KEYWORDS.values()):
        # Files of format 1 have no names: they are those of the columns, levels and classes.
        names = Interface.of(preprocessor, task, report.target).names
        given = {keyword: name for keyword, name in names.items() if name is not None}
        network = Network.from_document({**unnamed, **_as_lists(given)}, weights)
    return network, history, report


def _as_lists(value: Any) -> Any:
    """Tuples as a document has them."""
    if isinstance(value, dict):
        return {key: _as_lists(one) for key, one in value.items()}
    return [_as_lists(one) for one in value] if isinstance(value, tuple) else value


load = TableModel.load
