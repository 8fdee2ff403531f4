"""Every word of the vocabulary is on its page, and can be had from `quickprop`."""

import re
from pathlib import Path

import pytest

import quickprop
from quickprop.losses import LOSSES
from quickprop.nn import ACTIVATIONS, LAYERS
from quickprop.nn.initializers import INITIALIZERS
from quickprop.optim import FULL_BATCH_METHODS, OPTIMIZERS, SCHEDULES
from quickprop.train.averaging import AVERAGING
from quickprop.train.regularisers import Regularisers

PAGE = (Path(__file__).parents[1] / "docs" / "vocabulary.md").read_text()
#: Parts of a network and of a fit, by the name of their class.
PARTS = sorted(
    {
        *LAYERS, *LOSSES, *INITIALIZERS, *OPTIMIZERS, *FULL_BATCH_METHODS, *SCHEDULES, *AVERAGING,
        "CustomLoss", "Perceptron", "Autoencoder",
    }
)  # fmt: skip


def words(page: str) -> set[str]:
    """What stands in code marks in the first cells of the tables."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    marked = " ".join(mark for cell in cells for mark in re.findall(r"`([^`]*)`", cell))
    return set(re.findall(r"[A-Za-z_]\w*", marked))


@pytest.mark.parametrize(
    "name", [*PARTS, *ACTIVATIONS, *Regularisers.rules(), "mixup", "patience", "averaging"]
)
def test_every_word_is_in_a_table_of_the_page(name):
    assert name in words(PAGE) | {"Activation"}  # Its names have a table of their own.


@pytest.mark.parametrize("name", PARTS)
def test_every_part_can_be_had_from_quickprop(name):
    assert name in quickprop.__all__
    assert getattr(quickprop, name).__name__ == name


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "one_hot", "from_one_hot"])
def test_plain_functions_can_be_had_from_quickprop(name):
    assert callable(getattr(quickprop, name))
