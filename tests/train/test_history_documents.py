import copy

import pytest

from quickprop.errors import ModelFileError
from quickprop.train import EpochRecord, History

GOOD = History([EpochRecord(1, 0.5, None, 0.1, 0.2)], 1, "all 1 epochs were run", 0.3)


def changed(path, value):
    document = copy.deepcopy(GOOD.to_document())
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        changed(["extra"], 1),
        changed(["epochs"], 3),
        changed(["epochs"], [3]),
        changed(["epochs", 0, "epoch"], 2),
        changed(["epochs", 0, "epoch"], 1.5),
        changed(["epochs", 0, "train_loss"], "low"),
        changed(["epochs", 0, "train_loss"], None),
        changed(["epochs", 0, "train_loss"], float("nan")),
        changed(["epochs", 0, "validation_loss"], float("inf")),
        changed(["best_epoch"], 2),
        changed(["best_epoch"], -1),
        changed(["stopped"], 3),
        changed(["seconds"], "long"),
        changed(["seconds"], float("-inf")),
        changed(["seconds"], 10**400),
    ],
)
def test_documents_that_are_refused(document):
    with pytest.raises(ModelFileError):
        History.from_document(document)


def test_a_good_one():
    assert History.from_document(GOOD.to_document()) == GOOD
    assert GOOD.best.train_loss == GOOD.best_loss == 0.5
    assert History().best is None
