"""Frames and mappings given to networks: columns and inputs are found by their names."""

import numpy as np
import pytest

from quickprop.errors import DataError
from quickprop.losses import MeanSquaredError
from quickprop.nn import (
    Add,
    Dense,
    Input,
    Network,
)
from quickprop.train import fit

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.5, -1.0, 2.0]])
COLUMNS = {"age": ROWS[:, 0], "income": ROWS[:, 1], "rooms": ROWS[:, 2]}
LIBRARIES = ("pandas", "polars")


def frame(library, names):
    package = pytest.importorskip(library, reason=f"gives frames of {library}")
    return package.DataFrame({name: COLUMNS.get(name, ROWS[:, 0]) for name in names})


def network(names=("age", "income", "rooms"), features=3):
    return Network([Dense(1)], features, input_names=names, seed=3, dtype="float64")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    "names",
    [
        ("age", "income", "rooms"),
        ("rooms", "age", "income"),
        ("rooms", "street", "age", "income"),
    ],
    ids="-".join,
)
def test_columns_are_found_by_name(library, names):
    one, given = network(), frame(library, names)
    np.testing.assert_array_equal(one.predict(given), one.predict(ROWS))
    np.testing.assert_array_equal(one.trace(given).outputs, one.predict(ROWS))
    other, target = network(), ROWS[:, :1]
    for trained, rows in ((one, ROWS), (other, given)):
        fit(trained, rows, target, loss=MeanSquaredError(), epochs=2, validation=(rows, target))
    assert all((array == other.weights()[name]).all() for name, array in one.weights().items())


@pytest.mark.parametrize("library", LIBRARIES)
def test_columns_of_other_names_are_taken_in_turn(library):
    given = frame(library, ("a", "b", "c"))
    one, unnamed = network(), network(None)
    np.testing.assert_array_equal(one.predict(given), one.predict(np.asarray(given)))
    given = frame(library, ("rooms", "age", "income"))
    np.testing.assert_array_equal(unnamed.predict(given), unnamed.predict(np.asarray(given)))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_missing_column_is_named(library):
    given = frame(library, ("age", "rooms", "wealth"))
    with pytest.raises(DataError, match=r"'income': a column is missing.*given: age, rooms"):
        network().predict(given)
    with pytest.raises(DataError, match="'income': a column is missing"):
        fit(network(), given, ROWS[:, 0], loss=MeanSquaredError())


def test_inputs_are_found_by_name():
    first, second = Input(3, "first"), Input(3, "second")
    # The order of the inputs is that in which they are read.
    drawn = Network(Add()(Dense(1)(second), Dense(1)(first)), dtype="float64")
    given = {"first": ROWS, "second": ROWS + 1.0}
    expected = drawn.predict(ROWS + 1.0, ROWS)
    np.testing.assert_array_equal(drawn.predict(given), expected)
    np.testing.assert_array_equal(drawn.trace(given).outputs, expected)
    twin, settings = Network.from_document(drawn.to_document()), {"loss": MeanSquaredError()}
    for trained, rows in ((drawn, (ROWS + 1.0, ROWS)), (twin, given)):
        fit(trained, rows, ROWS[:, :1], epochs=2, validation=(rows, ROWS[:, :1]), **settings)
    assert all((array == twin.weights()[name]).all() for name, array in drawn.weights().items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"first": ROWS}, "'second': an input is missing .allowed: second, first; given: first"),
        ({"first": ROWS, "second": ROWS, "third": ROWS}, "'third': no such input"),
        ({}, "'second': an input is missing"),
    ],
)
def test_wrong_names_of_inputs_are_said(given, message):
    drawn = Network(Add()(Dense(1)(Input(3, "second")), Dense(1)(Input(3, "first"))))
    for use in (drawn.predict, drawn.trace):
        with pytest.raises(DataError, match=message):
            use(given)
    with pytest.raises(DataError, match=message):
        fit(drawn, given, ROWS[:, 0], loss=MeanSquaredError())
