"""A fit with everything that a checkpoint must bring back. As a script it kills itself midway."""

import os
import signal
import sys

import numpy as np

from quickprop.losses import CrossEntropy
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Network,
)
from quickprop.optim import AdamW, Cosine
from quickprop.train import Callback, fit


def parts():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (np.sum(x * x, axis=1) > 1.4).astype(np.int32)
    return (x[:200], y[:200]), (x[200:], y[200:])


def run(path, backend, callbacks=(), **settings):
    (x, y), held_out = parts()
    network = Network([Dense(8), Activation("tanh"), Dropout(0.2), Dense(2)], 2)
    settings = {"epochs": 12, "patience": None, **settings}
    history = fit(
        network,
        x,
        y,
        loss=CrossEntropy(),
        optimizer=AdamW(0.02),
        schedule=Cosine(),
        validation=held_out,
        batch_size=16,
        seed=3,
        l2=1e-3,
        checkpoint=path,
        checkpoint_seconds=0,
        callbacks=callbacks,
        backend=backend,
        **settings,
    )
    return network, history


class Kill(Callback):
    def on_slice(self, progress):
        if progress.epoch == 7 and progress.fraction == 1.0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], [Kill()])
