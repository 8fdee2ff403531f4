"""A model file is data: it is read back exactly, and anything else is one clear error."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from make_golden import table
from safetensors.numpy import load, save

import quickprop
from quickprop.errors import DataFileError, ModelFileError
from quickprop.foundation.model_file import read_model_file
from quickprop.models.trained import stand_in_for_unseen

HERE = Path(__file__).parent
GOLDEN = HERE / "golden_v1.quickprop"


@pytest.fixture(scope="module")
def model() -> quickprop.TableModel:
    return quickprop.fit(table(), "label", hidden=[4], epochs=5, budget=None, seed=5)


def test_the_golden_file_still_opens():
    golden = quickprop.load(GOLDEN)
    expected = json.loads((HERE / "golden_v1.json").read_text())
    assert list(golden.classes or ()) == expected["classes"]
    found = golden.predict_proba(table())[:8]
    np.testing.assert_allclose(found, expected["probabilities"], atol=2e-6)
    assert golden.history.best_epoch <= len(golden.history.epochs) == golden.report.epochs


def test_names_of_a_golden_file_come_from_its_preprocessing():
    golden = quickprop.load(GOLDEN)
    network, preprocessor = golden.network, golden.preprocessor
    assert network.input_names == preprocessor.numeric_names
    assert network.to_document()["output_names"] == list(golden.target.output_names("label"))


def test_a_model_comes_back_the_same(model: quickprop.TableModel, tmp_path: Path):
    model.save(tmp_path / "m.quickprop")
    again = quickprop.load(tmp_path / "m.quickprop")
    np.testing.assert_array_equal(again.predict_proba(table()), model.predict_proba(table()))
    assert again.report == model.report
    assert again.history == model.history
    assert again.data_hash == model.data_hash
    assert repr(again) == repr(model)
    assert [path.name for path in tmp_path.iterdir()] == ["m.quickprop"]


def test_the_same_seed_gives_the_same_weights(model: quickprop.TableModel):
    again = quickprop.fit(table(), "label", hidden=[4], epochs=5, budget=None, seed=5)
    for name, array in again.network.weights().items():
        np.testing.assert_array_equal(array, model.network.weights()[name])


def content_of(model: quickprop.TableModel, tmp_path: Path) -> bytes:
    model.save(tmp_path / "whole.quickprop")
    return (tmp_path / "whole.quickprop").read_bytes()


def with_document(content: bytes, change) -> bytes:
    """The file with its JSON document changed."""
    size = int.from_bytes(content[:8], "little")
    text = json.loads(content[8 : 8 + size])["__metadata__"]["quickprop"]
    document = json.loads(text)
    change(document)
    return save(load(content), {"quickprop": json.dumps(document)})


def flip(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


BROKEN = {
    "empty": lambda c: b"",
    "a few bytes": lambda c: b"PK\x03\x04",
    "not safetensors": lambda c: b"size,colour\n1,red\n" * 50,
    "truncated": lambda c: c[:-5],
    "cut in half": lambda c: c[: len(c) // 2],
    "longer": lambda c: c + b"more",
    "a weight altered": lambda c: flip(c, len(c) - 2),
    "no document": lambda c: save(load(c)),
    "foreign document": lambda c: save(load(c), {"quickprop": "[]"}),
    "not JSON": lambda c: save(load(c), {"quickprop": "{"}),
    "later format": lambda c: with_document(c, lambda d: d.update(format=99)),
    "document altered": lambda c: with_document(c, lambda d: d["report"].update(target="x")),
    "huge header": lambda c: (2**62).to_bytes(8, "little") + c[8:],
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_clear_error(name: str, model, tmp_path: Path):
    path = tmp_path / "broken.quickprop"
    path.write_bytes(BROKEN[name](content_of(model, tmp_path)))
    with pytest.raises(ModelFileError) as caught:
        quickprop.load(path)
    message = str(caught.value)
    assert "broken.quickprop" in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["missing.quickprop", ""])
def test_no_file(name: str, tmp_path: Path):
    with pytest.raises(ModelFileError, match=r"no such file|folder"):
        quickprop.load(tmp_path / name)


@pytest.mark.parametrize("seed", range(40))
def test_altered_bytes_never_get_through(seed: int, model, tmp_path: Path):
    """Any single changed byte is an error of ours, or changes nothing that is read."""
    content = content_of(model, tmp_path)
    place = int(np.random.default_rng(seed).integers(len(content)))
    path = tmp_path / "altered.quickprop"
    path.write_bytes(flip(content, place))
    try:
        document, weights = read_model_file(path)
    except ModelFileError:
        return
    # Such as the seventeenth digit of a number of seconds.
    whole, same = read_model_file(tmp_path / "whole.quickprop")
    assert document == whole
    assert all((weights[name] == array).all() for name, array in same.items())


def test_a_folder_that_is_not_there(model, tmp_path: Path):
    with pytest.raises(DataFileError, match="folder does not exist"):
        model.save(tmp_path / "no" / "m.quickprop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device /dev/full")
def test_a_full_disk_is_an_error(model):
    with pytest.raises(DataFileError, match="cannot be written"):
        model.save("/dev/full")


def test_python_face(tmp_path: Path):
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    columns = table()
    one = quickprop.fit(pandas.DataFrame(columns), target="label", epochs=3, hidden=[4])
    two = quickprop.fit(pyarrow.table(columns), target="label", epochs=3, hidden=[4])
    np.testing.assert_array_equal(one.predict(columns), two.predict(pandas.DataFrame(columns)))
    scores = one.evaluate(pandas.DataFrame(columns))
    assert set(scores) == {"accuracy", "log_loss", "macro_f1", "auc"}
    assert "TableModel classification of 'label'" in repr(one)
    assert one.predict_proba(columns).shape == (60, 2)


def test_an_unseen_level_gets_the_mean_vector():
    network = quickprop.Network([quickprop.Dense(1)], 0, categories=(4,))
    (table_of_vectors,) = network.layers[0].parameters.values()
    before = table_of_vectors.value
    stand_in_for_unseen(network, np.array([[1], [1], [3], [2]], np.int32))
    after = table_of_vectors.value
    np.testing.assert_allclose(after[0], (2 * before[1] + before[2] + before[3]) / 4, rtol=1e-6)
    np.testing.assert_array_equal(after[1:], before[1:])
    stand_in_for_unseen(network, np.array([[0], [1]], np.int32))
    np.testing.assert_array_equal(table_of_vectors.value, after)


def test_breaking_off_the_linear_model_keeps_the_network(monkeypatch: pytest.MonkeyPatch):
    def break_off(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quickprop.selection.one_network.fit_linear", break_off)
    model = quickprop.fit(table(), "label", hidden=[4], epochs=5, budget=None)
    assert model.report.scores == {}
    assert "broken off" in model.report.verdict
    assert len(model.predict(table())) == 60
