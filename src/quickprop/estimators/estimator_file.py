"""Estimators as files of data alone: parameters, what was learned, the network's weights.

Nothing in a file is executed, and everything in it is checked as it is read. What code of users
has a say in (functions as loss or callbacks, splitters, random generators) is refused when an
estimator is saved; a pickle holds it.
"""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from quickprop import data
from quickprop.data.standardizer import Standardizer
from quickprop.errors import ModelFileError, QuickpropError, SettingError
from quickprop.estimators.fitted_network import FittedNetwork
from quickprop.estimators.losses import HalfPoissonDeviance
from quickprop.estimators.network_attributes import NetworkAttributes
from quickprop.estimators.objective import ScaledLoss
from quickprop.estimators.preparation import Preparation, StandardColumns, TableColumns
from quickprop.estimators.rate import LearningRate
from quickprop.foundation.documents import Fields
from quickprop.foundation.model_file import read_model_file, write_model_file
from quickprop.foundation.settings import Component, check_known, from_document
from quickprop.losses import Loss
from quickprop.losses.loss import LOSSES
from quickprop.nn import Network
from quickprop.optim import OPTIMIZERS, SCHEDULES

_KIND = "estimator"
_LOSSES: Mapping[str, type[Component]] = {**LOSSES, "HalfPoissonDeviance": HalfPoissonDeviance}
_COMPONENTS: Mapping[str, type[Component]] = {**_LOSSES, **OPTIMIZERS, **SCHEDULES}
_NUMBERS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
#: Attributes that are counts, single numbers, or lists of numbers; where there is none they are
#: left out.
_COUNTS = ("n_features_in_", "n_iter_", "t_", "n_layers_", "n_outputs_", "_no_improvement_count")
_SINGLE = ("loss_", "best_loss_", "best_validation_score_")
_CURVES = ("loss_curve_", "validation_scores_")
_NEEDED = ("n_features_in_", "n_layers_", "n_outputs_", "n_iter_", "t_")
_OUTPUTS = ("softmax", "logistic", "identity", "exp")
_KINDS_OF_LABELS = ("binary", "multiclass", "multilabel-indicator")
_LABELS = {"b": bool, "i": int, "u": int, "f": float, "U": str, "O": str}
Arrays = dict[str, np.ndarray]
Self = TypeVar("Self", bound="EstimatorFile")


class EstimatorFile(NetworkAttributes):
    """`save` and `load`."""

    _preparation: Preparation | None

    @abstractmethod
    def _check_read(self, loss: Loss) -> None:
        """Raise `SettingError` when a loss or preparation is none of this kind of estimator."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a file, whole or not at all; the file holds data only.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        NotFittedError
            Before `fit`.
        SettingError
            A parameter is code of yours: a function, a splitter, a generator of random numbers. A
            pickle can hold it.
        DataFileError
            The file cannot be written.
        """
        check_is_fitted(self)
        arrays: Arrays = {}
        document = _estimator_document(self, arrays, "")
        write_model_file(path, {"kind": _KIND, **document}, arrays)

    @classmethod
    def load(cls: type[Self], path: str | os.PathLike[str]) -> Self:
        """Read a file that `save` of the same class wrote.

        No code in it is run; every field and shape is checked.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        estimator
            It predicts the same bits, and `partial_fit` goes on where it stood.

        Raises
        ------
        ModelFileError
            The file is missing, truncated, altered, of a later version or of something else.
        """
        document, arrays = read_model_file(path)
        where = str(path)[:160]
        if document.get("kind") != _KIND or document.get("estimator") != cls.__name__:
            raise ModelFileError(
                f"not the file of a {cls.__name__}",
                where=where,
                given=str(document.get("estimator") or document.get("kind") or "another file")[:80],
                hint="load it by its own class; models of tables by quickprop.load",
            )
        try:
            made = _read_estimator(cls, Fields(document, "estimator"), arrays, "")
        except ModelFileError:
            raise
        except QuickpropError as error:
            raise ModelFileError(
                error.what, where=f"{where}: {error.where}", allowed=error.allowed,
                given=error.given,
            ) from None  # fmt: skip
        except ValueError as error:
            # scikit-learn's, of a parameter.
            raise ModelFileError(
                "a parameter that the estimator does not take", where=where, given=str(error)[:200]
            ) from None
        if arrays:
            raise ModelFileError(
                "arrays that belong to nothing", where=where, given=", ".join(arrays)[:200]
            )
        return made


# -- writing --------------------------------------------------------------------------------------


def _estimator_document(me: Any, arrays: Arrays, prefix: str) -> dict[str, Any]:
    """All but the arrays, which are put under their prefix."""
    parameters = {
        name: _plain(value, f"{type(me).__name__}.{name}")
        for name, value in me.get_params(deep=False).items()
    }
    document: dict[str, Any] = {"estimator": type(me).__name__, "parameters": parameters}
    members = vars(me).get("estimators_")
    if members is None:
        document["learned"] = _learned_document(me, arrays, prefix)
    else:
        document["members"] = [
            _estimator_document(member, arrays, f"{prefix}{k}.") for k, member in enumerate(members)
        ]
    return document


def _learned_document(me: Any, arrays: Arrays, prefix: str) -> dict[str, Any]:
    fitted: FittedNetwork = me._attached()
    known = vars(me)
    loss = fitted.objective.loss
    check_known(loss, _LOSSES, f"{type(me).__name__}.loss")
    arrays |= {f"{prefix}network.{name}": a for name, a in fitted.network.weights().items()}
    document: dict[str, Any] = {
        **{name: int(known[name]) for name in _COUNTS if name in known},
        **{name: _number(known[name]) for name in _SINGLE if name in known},
        **{
            name: None if known[name] is None else [_number(one) for one in known[name]]
            for name in _CURVES
            if name in known
        },
        "out_activation_": me.out_activation_,
        "network": fitted.network.to_document(),
        "loss": loss.to_document(),
        "learned_factor": fitted.objective.learned,
        "reported_factor": fitted.objective.reported,
        "preparation": _preparation_document(me._preparation, arrays, prefix),
        "rate": None,
        "labels": None,
        "feature_names": None,
    }
    if "feature_names_in_" in known:
        document["feature_names"] = [str(name) for name in me.feature_names_in_]
    if "_optimizer" in known:
        rate: LearningRate = me._optimizer
        state = rate.state if fitted.engine is None else fitted.engine.state()
        arrays |= {f"{prefix}optimizer.{name}": array for name, array in state.items()}
        document["rate"] = {
            "kind": rate.kind, "start": float(rate.start), "power": float(rate.power),
            "learning_rate": float(rate.learning_rate),
        }  # fmt: skip
    if "_label_binarizer" in known:
        document["labels"] = _labels_document(me._label_binarizer)
    return document


def _labels_document(binarizer: LabelBinarizer) -> dict[str, Any]:
    classes = np.asarray(binarizer.classes_)
    values = classes.tolist()
    expected = _LABELS.get(classes.dtype.kind)
    if expected is None or not all(type(one) is expected for one in values):
        raise SettingError(
            "labels that a file cannot hold",
            where="save",
            allowed="text, numbers, or True and False",
            given=repr(values)[:80],
            hint="pickle the estimator",
        )
    return {"type": classes.dtype.str, "values": values, "kind": binarizer.y_type_}


def _preparation_document(
    preparation: Preparation | None, arrays: Arrays, prefix: str
) -> dict[str, Any] | None:
    if preparation is None:
        return None
    target = preparation.target
    if target is not None:
        _put_scale(target, arrays, f"{prefix}target")
    document: dict[str, Any] = {"target": target is not None, "columns": None}
    if isinstance(preparation, TableColumns):
        document["columns"] = preparation.columns.to_document()
    else:
        assert isinstance(preparation, StandardColumns)
        _put_scale(preparation.inputs, arrays, f"{prefix}inputs")
    return document


def _put_scale(scale: Standardizer, arrays: Arrays, name: str) -> None:
    arrays[f"{name}.mean"], arrays[f"{name}.scale"] = scale.mean, scale.scale
    arrays[f"{name}.constant"] = np.asarray(scale.constant).astype(np.int32)


def _number(value: Any) -> float | str | None:
    """A number as JSON can hold it."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else repr(number)


def _plain(value: Any, where: str) -> Any:
    """A parameter as JSON can hold it, or the error that says that it cannot."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": repr(value)}
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, where) for item in value]}
    if isinstance(value, dict):
        pairs = [[_plain(key, where), _plain(item, where)] for key, item in value.items()]
        return {"pairs": pairs}
    if isinstance(value, Component):
        check_known(value, _COMPONENTS, where)
        return {"component": value.to_document()}
    raise SettingError(
        "a parameter that a file of data cannot hold",
        where=where,
        allowed="numbers, text, lists, and losses, optimizers and schedules of quickprop",
        given=repr(value)[:80],
        hint="set it to None or a number before saving, or pickle the estimator",
    )


# -- reading --------------------------------------------------------------------------------------


def _read_estimator(cls: Any, fields: Fields, arrays: Arrays, prefix: str) -> Any:
    fields.text("estimator", (cls.__name__,))
    given = Fields(fields.value("parameters"), f"{fields.where}.parameters")
    names = cls._get_param_names()
    given.check_names((), names)
    made = cls(**{name: _value(given.value(name), given, name) for name in names if name in given})
    made._validate_params()
    if "members" in fields:
        members = fields.objects("members", least=1)
        if len(members) != made.n_ensemble or made.n_ensemble < 2:
            fields.refuse("'members' are not as many as n_ensemble", given=len(members))
        read = [
            _read_estimator(cls, member, arrays, f"{prefix}{k}.")
            for k, member in enumerate(members)
        ]
        first = read[0]
        for one in read:
            if one.n_features_in_ != first.n_features_in_ or one.n_outputs_ != first.n_outputs_:
                fields.refuse("'members' do not fit each other")
            if not np.array_equal(vars(one).get("classes_", ()), vars(first).get("classes_", ())):
                fields.refuse("'members' know other classes")
        made._take_members(read)
        return made
    _read_learned(made, Fields(fields.value("learned"), "learned"), arrays, prefix)
    return made


def _read_learned(made: Any, fields: Fields, arrays: Arrays, prefix: str) -> None:
    for name in _COUNTS:
        if name in fields or name in _NEEDED:
            setattr(made, name, fields.whole(name, 0, 2**62))
    for name in _SINGLE:
        if name in fields:
            setattr(made, name, _read_number(fields.value(name), fields, name, none=True))
    for name in _CURVES:
        if name in fields:
            values = None if fields.is_null(name) else fields.items(name)
            if values is not None:
                values = [_read_number(one, fields, name) for one in values]
            setattr(made, name, values)
    made.out_activation_ = fields.text("out_activation_", _OUTPUTS)
    if not fields.is_null("feature_names"):
        names = fields.texts("feature_names", least=1)
        if len(names) != made.n_features_in_:
            fields.refuse("'feature_names' are not as many as the columns", given=len(names))
        made.feature_names_in_ = np.array(names, dtype=object)
    _read_labels(made, fields)
    loss = from_document(fields.value("loss"), _LOSSES, "learned.loss")
    if not isinstance(loss, Loss):
        fields.refuse("'loss' is no loss of rows")
    made._preparation = _read_preparation(made, fields, arrays, prefix)
    network = Network.from_document(fields.value("network"), _taken(arrays, f"{prefix}network."))
    prepared = made._preparation
    if bool(made.scale) != (prepared is not None):
        fields.refuse("'preparation' is not what `scale` asks for")
    features = made.n_features_in_ if prepared is None else prepared.features
    levels = () if prepared is None else tuple(prepared.levels)
    if (
        network.features != features
        or tuple(network.categories) != levels
        or network.width != loss.output_width(made.n_outputs_)
    ):
        fields.refuse("'network' does not fit the columns, the loss or the outputs")
    objective = ScaledLoss(loss, fields.number("learned_factor"), fields.number("reported_factor"))
    made._check_read(loss)
    made._adopt(FittedNetwork(network, objective))
    if made.n_layers_ != len(made.coefs_) + 1:
        fields.refuse("'n_layers_' is not what the network has", given=made.n_layers_)
    state = _taken(arrays, f"{prefix}optimizer.")
    if fields.is_null("rate"):
        return
    rate = Fields(fields.value("rate"), "learned.rate")
    made._optimizer = LearningRate(
        rate.text("kind", ("constant", "invscaling", "adaptive")),
        rate.number("start", above=0.0),
        rate.number("power"),
        rate.number("learning_rate", above=0.0),
        state,
    )


def _read_labels(made: Any, fields: Fields) -> None:
    if not is_classifier(made):
        if not fields.is_null("labels"):
            fields.refuse("'labels' where there are no classes")
        return
    given = Fields(fields.value("labels"), "learned.labels")
    kind = given.text("kind", _KINDS_OF_LABELS)
    values = given.items("values", least=1)
    try:
        dtype = np.dtype(given.text("type"))
        expected = _LABELS[dtype.kind]
        if not all(type(one) is expected for one in values):
            raise ValueError
        classes = np.array(values, dtype=dtype)
        if classes.tolist() != values or len(set(values)) < len(values):
            raise ValueError
    except (TypeError, ValueError, KeyError, OverflowError):
        given.refuse("not labels, or not all different", given=repr(values)[:80])
    if values != sorted(values):
        given.refuse("'values' are not in order")
    outputs = 1 if kind == "binary" else len(classes)
    few = len(classes) < 3 if kind == "multiclass" else kind == "binary" and len(classes) > 2
    if made.n_outputs_ != outputs or few:
        given.refuse("not as many labels as outputs", given=len(classes))
    binarizer = LabelBinarizer()
    binarizer.classes_, binarizer.y_type_, binarizer.sparse_input_ = classes, kind, False
    made._label_binarizer, made.classes_ = binarizer, classes


def _read_preparation(made: Any, fields: Fields, arrays: Arrays, prefix: str) -> Preparation | None:
    if fields.is_null("preparation"):
        return None
    given = Fields(fields.value("preparation"), "learned.preparation")
    target = None
    if given.flag("target"):
        target = _read_scale(given, arrays, f"{prefix}target", made.n_outputs_)
    if given.is_null("columns"):
        inputs = _read_scale(given, arrays, f"{prefix}inputs", made.n_features_in_)
        return StandardColumns(target, inputs)
    columns = data.Preprocessor.from_document(given.value("columns"))
    if len(columns.column_names) > made.n_features_in_:
        given.refuse("more columns than 'n_features_in_'", given=len(columns.column_names))
    known = vars(made).get("feature_names_in_")
    if known is not None and not set(columns.column_names) <= set(known):
        given.refuse("columns that are not among 'feature_names'")
    return TableColumns(target, columns)


def _read_scale(fields: Fields, arrays: Arrays, name: str, columns: int) -> Standardizer:
    mean, scale, constant = (
        arrays.pop(f"{name}.{part}", None) for part in ("mean", "scale", "constant")
    )
    if mean is None or scale is None or constant is None:
        fields.refuse(f"numbers of {name!r} are missing")
    right = all(array.shape == (columns,) for array in (mean, scale, constant))
    if not right or mean.dtype != np.float64 or scale.dtype != np.float64:
        fields.refuse(f"{name!r} has not a number for each column", allowed=columns)
    if not (scale > 0.0).all():
        fields.refuse(f"{name!r} has deviations that are not above 0")
    return Standardizer(mean, scale, constant.astype(bool))


def _taken(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays under a prefix, which are taken out."""
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays.pop(name) for name in names}


def _read_number(value: Any, fields: Fields, name: str, none: bool = False) -> float | None:
    if value is None and none:
        return None
    if isinstance(value, str) and value in _NUMBERS:
        return _NUMBERS[value]
    if not isinstance(value, float):
        _refuse_value(fields, name, value)
    return value


def _refuse_value(fields: Fields, name: str, value: Any) -> NoReturn:
    fields.refuse(f"{name!r} is not what it may be", given=repr(value)[:80])


def _value(document: Any, fields: Fields, name: str) -> Any:
    """The parameter that `_plain` wrote."""
    if document is None or isinstance(document, bool | int | float | str):
        return document
    if isinstance(document, list):
        return [_value(item, fields, name) for item in document]
    if not isinstance(document, dict) or len(document) != 1:
        _refuse_value(fields, name, document)
    ((kind, inner),) = document.items()
    if kind == "number" and isinstance(inner, str) and inner in _NUMBERS:
        return _NUMBERS[inner]
    if kind == "tuple" and isinstance(inner, list):
        return tuple([_value(item, fields, name) for item in inner])
    if (
        kind == "pairs"
        and isinstance(inner, list)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in inner)
        and all(isinstance(pair[0], bool | int | float | str) for pair in inner)
    ):
        return {pair[0]: _value(pair[1], fields, name) for pair in inner}
    if kind != "component":
        _refuse_value(fields, name, document)
    return from_document(inner, _COMPONENTS, f"{fields.where}.{name}")
