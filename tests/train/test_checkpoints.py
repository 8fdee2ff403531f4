import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from module_beside import module_beside
from quickprop.errors import DataFileError, ModelFileError
from quickprop.foundation import atomic_file
from quickprop.foundation.lru_cache import LruCache
from quickprop.losses import BinaryCrossEntropy, CrossEntropy, CustomLoss
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Network,
)
from quickprop.optim import SGD, AdamW, Cosine, FunctionOfStep
from quickprop.train import Callback, fit
from quickprop.train import checkpoint as files

BACKENDS = ("reference", "native")

HERE = Path(__file__).parent
resumable = module_beside(__file__, "resumable_fit")
parts, run = resumable.parts, resumable.run


def told(history):
    return [
        (r.epoch, r.train_loss, r.validation_loss, r.learning_rate, r.fraction)
        for r in history.epochs
    ]


def assert_same_run(one, other):
    (network, history), (twin, again) = one, other
    weights = twin.weights()
    assert all((array == weights[name]).all() for name, array in network.weights().items())
    assert told(history) == told(again)
    assert (history.best_epoch, history.stopped) == (again.best_epoch, again.stopped)


@pytest.mark.parametrize("backend", BACKENDS)
def test_killed_and_resumed_is_never_interrupted_bit_for_bit(tmp_path, backend):
    path = tmp_path / "fit.checkpoint"
    done = subprocess.run(
        [sys.executable, str(HERE / "resumable_fit.py"), str(path), backend],
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    resumed = run(path, backend, resume=True)
    assert len(resumed[1].epochs) == 12
    assert_same_run(run(None, backend), resumed)


class Interrupt(Callback):
    """Ends a fit in an epoch, after so much of it."""

    def __init__(self, epoch, fraction):
        self.epoch, self.fraction = epoch, fraction

    def on_slice(self, progress):
        if progress.epoch == self.epoch and progress.fraction >= self.fraction:
            raise KeyboardInterrupt


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("epoch", "fraction"), [(1, 0.0), (5, 0.3), (5, 1.0), (12, 0.5)])
def test_interrupted_anywhere_and_resumed(tmp_path, backend, epoch, fraction):
    path = tmp_path / "fit.checkpoint"
    _, history = run(path, backend, [Interrupt(epoch, fraction)])
    assert "interrupted" in history.stopped
    assert_same_run(run(None, backend), run(path, backend, resume=True))


def test_interrupted_again_and_again(tmp_path):
    path = tmp_path / "fit.checkpoint"
    for epoch in range(1, 13):
        run(path, "reference", [Interrupt(epoch, 0.5)], resume=True)
    assert_same_run(run(None, "reference"), run(path, "reference", resume=True))


def test_a_fit_that_had_ended_gives_its_result_again(tmp_path):
    path = tmp_path / "fit.checkpoint"
    first = run(path, "reference")
    assert_same_run(first, run(path, "reference", resume=True))


def test_no_file_yet_begins_anew_and_no_resume_begins_anew(tmp_path):
    path = tmp_path / "fit.checkpoint"
    first = run(path, "reference", resume=True)
    assert_same_run(first, run(None, "reference"))
    assert_same_run(first, run(path, "reference"))
    assert [p.name for p in tmp_path.iterdir()] == ["fit.checkpoint"]


def test_more_epochs_go_on_where_the_rates_allow_it(tmp_path):
    path = tmp_path / "fit.checkpoint"
    (x, y), _ = parts()

    def plain(epochs, **settings):
        network = Network([Dense(2)], 2)
        history = fit(
            network,
            x,
            y,
            loss=CrossEntropy(),
            optimizer=SGD(0.1, 0.9),
            epochs=epochs,
            backend="reference",
            **settings,
        )
        return network, history

    plain(3, checkpoint=path)
    assert_same_run(plain(8), plain(8, checkpoint=path, resume=True))


def test_what_a_killed_writer_left_does_no_harm(tmp_path, monkeypatch):
    path = tmp_path / "fit.checkpoint"
    run(path, "reference", [Interrupt(5, 0.5)])
    monkeypatch.setattr(atomic_file, "_CLEANED", LruCache(256))
    left = tmp_path / f".fit.checkpoint.{'0' * 16}.quickprop-part"
    left.write_bytes(b"half a file")
    assert_same_run(run(None, "reference"), run(path, "reference", resume=True))
    assert [p.name for p in tmp_path.iterdir()] == ["fit.checkpoint"]


def other_fit(path, network=None, **settings):
    (x, y), held_out = parts()
    network = network or Network([Dense(8), Activation("tanh"), Dropout(0.2), Dense(2)], 2)
    settings = {
        "loss": CrossEntropy(),
        "optimizer": AdamW(0.02),
        "schedule": Cosine(),
        "validation": held_out,
        "batch_size": 16,
        "seed": 3,
        "l2": 1e-3,
        "epochs": 12,
        "backend": "reference",
        **settings,
    }
    x = settings.pop("x", x)
    return fit(network, x, y, checkpoint=path, resume=True, **settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": Network([Dense(4), Activation("tanh"), Dense(2)], 2)}, "another network"),
        ({"optimizer": AdamW(0.03)}, "another optimizer"),
        ({"schedule": None}, "another schedule"),
        ({"epochs": 20}, "another planned length"),
        ({"l2": 0.0}, "another l2"),
        ({"seed": 4}, "another seed"),
        ({"batch_size": 32}, "another batch size"),
        ({"backend": "native"}, "another backend"),
        ({"x": parts()[0][0] * 2}, "another data"),
        ({"validation": None}, "another data"),
    ],
)
def test_checkpoints_of_other_fits_are_refused(tmp_path, change, message):
    path = tmp_path / "fit.checkpoint"
    run(path, "reference")
    with pytest.raises(ModelFileError, match=message):
        other_fit(path, **change)


def test_broken_checkpoints_are_refused(tmp_path):
    path = tmp_path / "fit.checkpoint"
    run(path, "reference")
    good = path.read_bytes()
    middle = len(good) // 2
    for bad in (b"", b"x", good[:100], good[:middle], good[:-1], good + b"x", os.urandom(5000)):
        path.write_bytes(bad)
        with pytest.raises(ModelFileError, match=r"resume=False"):
            other_fit(path)
    # The numbers stand at the end: a changed bit among them is noticed.
    path.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
    with pytest.raises(ModelFileError, match="it was altered"):
        other_fit(path)
    # A changed byte of the header never ends in anything but our error, or in the same result.
    for place in range(8, 3000, 97):
        path.write_bytes(good[:place] + b"#" + good[place + 1 :])
        try:
            other_fit(path)
        except ModelFileError:
            continue


def changed_document(content, keys, value, signed):
    """A checkpoint with another value in its document; signed: with the hash that goes with it."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    document = json.loads(header["__metadata__"]["quickprop.checkpoint"])
    tensors = load(content)
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    if signed:
        document["hash"] = files._hash_of(document, tensors)
    return save(tensors, {"quickprop.checkpoint": json.dumps(document)})


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["position", "epoch"], 1),
        (["position", "epoch"], 10**30),
        (["position", "epoch"], 13.0),
        (["position", "done"], -1),
        (["position", "done"], 10**6),
        (["position", "total"], "much"),
        (["position"], None),
        (["history", "seconds"], float("nan")),
        (["history", "best_epoch"], 13),
        (["history", "epochs", 0, "train_loss"], float("inf")),
    ],
)
def test_positions_and_histories_that_do_not_fit(tmp_path, keys, value):
    path = tmp_path / "fit.checkpoint"
    run(path, "reference")
    good = path.read_bytes()
    path.write_bytes(changed_document(good, keys, value, signed=False))
    with pytest.raises(ModelFileError, match="it was altered"):
        other_fit(path)
    path.write_bytes(changed_document(good, keys, value, signed=True))
    with pytest.raises(
        ModelFileError, match=r"position (does not|is not)|not a finite|no such epoch"
    ):
        other_fit(path)


def test_a_function_of_the_step_is_known_by_what_it_computes(tmp_path):
    path = tmp_path / "fit.checkpoint"
    first, same, other = (FunctionOfStep(lambda base, step, k=k: base * k) for k in (0.5, 0.5, 2.0))
    other_fit(path, schedule=first)
    assert len(other_fit(path, schedule=same, epochs=14).epochs) == 14
    with pytest.raises(ModelFileError, match="another function of the step"):
        other_fit(path, schedule=other)


def test_a_loss_of_ones_own_is_known_by_what_it_computes(tmp_path):
    path = tmp_path / "fit.checkpoint"
    first, same, other = (
        CustomLoss(lambda f, y, k=k: f[:, 0] * f[:, 0] * k, target="codes") for k in (0.5, 0.5, 2.0)
    )
    other_fit(path, loss=first, schedule=None)
    assert len(other_fit(path, loss=same, schedule=None, epochs=14).epochs) == 14
    with pytest.raises(ModelFileError, match="another function of the loss"):
        other_fit(path, loss=other, schedule=None)


def test_checkpoints_that_cannot_be_written_or_read(tmp_path):
    with pytest.raises(DataFileError, match="its folder does not exist"):
        run(tmp_path / "no" / "such" / "folder", "reference")
    with pytest.raises(DataFileError, match="cannot be read"):
        run(tmp_path, "reference", resume=True)


def test_a_loss_of_another_kind_is_another_fit(tmp_path):
    path = tmp_path / "fit.checkpoint"
    run(path, "reference")
    network = Network([Dense(1)], 2)
    with pytest.raises(ModelFileError, match="another network"):
        other_fit(path, network, loss=BinaryCrossEntropy())


def test_arrays_in_a_checkpoint_are_copies(tmp_path):
    path = tmp_path / "fit.checkpoint"
    network, _ = run(path, "reference")
    before = path.read_bytes()
    network.layers[0].neurons[0].bias = 5
    assert path.read_bytes() == before
    assert isinstance(Path(path), Path)
    assert np.isfinite(network.weights()["dense1.bias"]).all()
