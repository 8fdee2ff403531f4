"""Targets: written for a network, read back, kept as JSON, refused when they cannot be learned."""

from __future__ import annotations

import json
from datetime import date

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from quickprop.data import ClassTarget, RegressionTarget, target_from_document, usable_rows
from quickprop.errors import DataError, ModelFileError


def column(values) -> nw.Series:
    return nw.from_native(pl.Series("y", values, strict=False), series_only=True)


def test_regression_by_hand():
    # 2, 4, 6, 8: mean 5, squares of the distances 9 + 1 + 1 + 9 = 20, over 4 rows 5, root 2.236.
    target = RegressionTarget.fit(column([2, 4, 6, 8]))
    assert (target.mean, target.scale) == (5.0, pytest.approx(5**0.5))
    coded = target.encode(column([5, 7.2360679775]))
    assert coded.dtype == np.float32
    assert coded.shape == (2, 1)
    assert coded[:, 0] == pytest.approx([0, 1])
    assert target.decode(coded) == pytest.approx([5, 7.2360679775])
    assert target.decode(np.zeros(3)).shape == (3,)
    assert target.numbers(np.array([1, 2])).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1.0, 1e30, 1e300])
def test_regression_of_any_size(size):
    values = np.array([1.0, 2.0, 4.0]) * size
    target = RegressionTarget.fit(values)
    assert target.decode(target.encode(values)) == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "classes", "type_"),
    [
        (["b", "a", " a "], ("a", "b"), "text"),
        ([3, 1, 3], (1, 3), "integer"),
        ([3.0, 1.0], (1, 3), "integer"),
        ([0.5, 1.0], (0.5, 1.0), "number"),
        ([True, False], (False, True), "boolean"),
        ([date(2024, 1, 2), date(2023, 1, 2)], ("2023-01-02", "2024-01-02"), "text"),
        (["yes", "Yes", "TRUE", "true"], ("TRUE", "Yes", "yes"), "text"),
    ],
)
def test_classes_round_trip(values, classes, type_):
    target = ClassTarget.fit(column(values))
    assert target.classes == classes
    assert [type(one) for one in target.classes] == [type(one) for one in classes]
    codes = target.encode(column(values))
    assert codes.dtype == np.int32
    back = target.decode(codes)
    assert target.encode(column(back.tolist())).tolist() == codes.tolist()
    document = json.loads(json.dumps(target.to_document()))
    assert document["type"] == type_
    assert target_from_document(document) == target
    assert [type(c) for c in target_from_document(document).classes] == [type(c) for c in classes]


def test_classes_are_known_however_they_are_typed():
    target = ClassTarget.fit(column([0, 1, 2]))
    for values in ([2, 0], [2.0, 0.0], ["2", "0"]):
        assert target.encode(column(values)).tolist() == [2, 0]
    yes_no = ClassTarget.fit(column([True, False]))
    assert yes_no.encode(column(["True", "false"])).tolist() == [1, 0]
    assert yes_no.decode(np.array([1, 0])).tolist() == [True, False]
    assert ClassTarget.fit(column(["x", "y"])).decode(np.array([[1], [0]])).tolist() == ["y", "x"]


@pytest.mark.parametrize(
    ("target", "values", "expected"),
    [
        (RegressionTarget, [5, 5, 5], "every cell is the same, so there is nothing to predict"),
        (RegressionTarget, [1, float("inf"), 2], "1 cell is infinite"),
        (RegressionTarget, [1, None, None], "2 cells are missing"),
        (RegressionTarget, ["1", "x"], "text where a number is needed (given: 'x')"),
        (RegressionTarget, ["1", "unknown", "2"], "1 cell is missing"),
        (ClassTarget, ["a", "a"], "there is one class only, so there is nothing to predict"),
        (ClassTarget, [True, True], "one class only"),
        (ClassTarget, [], "one class only"),
        (ClassTarget, ["a", "", "b"], "1 cell is missing"),
        (ClassTarget, [0.5, 1.5, float("inf")], "1 cell is infinite"),
    ],
)
def test_targets_that_cannot_be_learned(target, values, expected):
    with pytest.raises(DataError) as caught:
        target.fit(column(values))
    assert str(caught.value).startswith("target 'y': ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", None],
        np.array(["b", "a", None], object),
        pd.Series(["b", "a", float("nan")], dtype=object),
        nw.from_native(pd.Series(["b", "a", None]), series_only=True),
        pl.Series(["b", "a", None]),
    ],
)
def test_values_however_they_are_held(values):
    mask, _ = usable_rows(values)
    assert mask.tolist() == [True, True, False]
    assert ClassTarget.fit(values[:2]).encode(values[:2]).tolist() == [1, 0]


def test_an_unseen_class_is_named():
    target = ClassTarget.fit(column(["cat", "dog"]))
    with pytest.raises(DataError) as caught:
        target.encode(column(["cat", "dogs"]))
    assert str(caught.value) == (
        "target 'y': the class 'dogs' was not there at training time (allowed: cat, dog). "
        "Did you mean 'dog'?"
    )
    with pytest.raises(DataError, match="the class '7' was not there"):
        ClassTarget.fit(column([1, 2])).encode(column([7]))
    with pytest.raises(DataError, match="1 cell is missing"):
        target.encode(column(["cat", None]))


def test_usable_rows():
    mask, note = usable_rows(column([1.0, None, float("nan"), 2.0]))
    assert mask.tolist() == [True, False, False, True]
    assert note == "2 rows are set aside because the target 'y' is missing there."
    assert usable_rows(column(["a", " ", "b"]))[0].tolist() == [True, False, True]
    mask, note = usable_rows(column([1, 2]))
    assert mask.all()
    assert note is None
    with pytest.raises(DataError, match="every cell of the target is missing"):
        usable_rows(column([None, float("nan")]))


CLASSES = {"kind": "classification", "type": "text", "classes": ["a", "b"]}
NUMBERS = {"kind": "regression", "mean": 1.0, "scale": 2.0}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], "target: not a JSON object (given: list)"),
        ({}, "'kind' is missing"),
        ({"kind": "both"}, "'kind' is not what it may be (allowed: regression, classification"),
        ({**NUMBERS, "mean": None}, "'mean' is not what it may be (allowed: a finite number"),
        ({**NUMBERS, "mean": True}, "given: True"),
        ({**NUMBERS, "mean": float("nan")}, "'mean'"),
        ({**NUMBERS, "mean": 10**400}, "'mean'"),
        ({**NUMBERS, "scale": 0.0}, "allowed: a finite number above 0; given: 0.0"),
        ({"kind": "regression", "mean": 1.0}, "'scale' is missing"),
        ({**CLASSES, "type": "bytes"}, "'type' is not what it may be"),
        ({**CLASSES, "classes": "ab"}, "allowed: a list of 2 or more; given: str"),
        ({**CLASSES, "classes": ["a"]}, "given: 1 items"),
        ({**CLASSES, "classes": ["a", 1]}, "a class of another type (given: 1)"),
        ({**CLASSES, "classes": ["a", "a"]}, "holds a class twice"),
        ({**CLASSES, "classes": ["b", "a"]}, "not in order"),
        ({**CLASSES, "type": "integer", "classes": [0, True]}, "a class of another type"),
        ({**CLASSES, "type": "integer", "classes": [0, 10**30]}, "a class of another type"),
        ({**CLASSES, "type": "number", "classes": [0.5, float("inf")]}, "a class of another type"),
    ],
)
def test_broken_documents(document, expected):
    with pytest.raises(ModelFileError) as caught:
        target_from_document(document)
    assert expected in str(caught.value)
    assert "fit the model again" in str(caught.value).lower()
