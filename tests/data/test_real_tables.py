"""The shared real tables and the samples that ship: read, judged, split and encoded whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from quickprop.data import (
    SAMPLES,
    Preprocessor,
    choose_task,
    column_of,
    read_table,
    sample_path,
    split_rows,
)
from quickprop.errors import SettingError
from quickprop.models.tasks import fit_task

FOLDER = Path(__file__).parents[3] / "shared" / "data"
CATALOGUE = FOLDER / "datasets.json"
TABLES = (
    [s for s in json.loads(CATALOGUE.read_text())["datasets"] if s["file"].endswith(".csv.gz")]
    if CATALOGUE.exists()
    else []
)


def check_whole(path: Path, target: str, task: str | None) -> Preprocessor:
    frame = read_table(path)
    values = column_of(frame, target)
    chosen = choose_task(values)
    if task is not None:
        assert chosen.kind == task
    coder = fit_task(values, chosen.kind).codec
    coded = coder.encode(values)
    classes = coded if chosen.kind == "classification" else None
    split = split_rows(len(frame), seed=0, classes=classes)
    preprocessor = Preprocessor.fit(frame[split.train], exclude=[target])
    assert target not in preprocessor.column_names
    matrices = preprocessor.transform(frame)
    assert matrices.numeric.shape == (len(frame), len(preprocessor.numeric_names))
    assert np.isfinite(matrices.numeric).all()
    # Nothing a network would choke on, and nothing that never changes in training.
    assert np.abs(matrices.numeric).max(initial=0) < 20
    assert (np.ptp(matrices.numeric[split.train], axis=0) > 0).all()
    for codes, count in zip(matrices.categories.T, preprocessor.category_levels):
        assert codes.min() >= 0
        assert codes.max() < count
    again = Preprocessor.from_document(json.loads(json.dumps(preprocessor.to_document())))
    assert np.array_equal(again.transform(frame).numeric, matrices.numeric)
    back = coder.decode(coded)
    if classes is None:
        assert back == pytest.approx(coder.numbers(values), rel=1e-5, abs=1e-2)
    else:
        assert back.tolist() == values.to_list()
    return preprocessor


@pytest.mark.skipif(not TABLES, reason="the shared data folder is not beside this checkout")
@pytest.mark.parametrize("table", TABLES, ids=[table["name"] for table in TABLES])
def test_shared_tables(table):
    frame = read_table(FOLDER / table["file"])
    assert frame.shape == (table["rows"], table["columns"])
    assert sum(frame[name].null_count() for name in frame.columns) == table["missing_cells"]
    task = "regression" if table["task"] == "regression" else "classification"
    check_whole(FOLDER / table["file"], table["target"], task)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_that_ship(name):
    sample = SAMPLES[name]
    assert sample_path(name) == sample.path
    assert sample.path.stat().st_size < 100_000
    check_whole(sample.path, sample.target, None)
    assert "CC BY 4.0" in sample.licence
    licence = sample.path.with_name("LICENCE.md").read_text()
    assert sample.path.name in licence
    assert "CC BY 4.0" in licence


def test_an_unknown_sample_is_named():
    with pytest.raises(SettingError, match="Did you mean 'abalone'"):
        sample_path("abalon")


def test_row_numbers_are_dropped_after_a_real_split():
    # What a counter looks like among the training rows alone, for many seeds.
    frame = read_table({"row": list(range(1, 501)), "x": [i % 7 for i in range(500)]})
    for seed in range(20):
        train = split_rows(500, seed=seed).train
        assert Preprocessor.fit(frame[train.tolist()]).column_names == ("x",)
