"""Handwritten digits: a small convolutional network reaches 99 % on the test images in ten epochs.

Two convolutions of 5 x 5 with batch normalisation, relu and max pooling, then one hidden layer:
65,210 parameters, trained by AdamW whose rate falls along a cosine. The settings were chosen with
``--validate``, which keeps 10,000 of the training images aside and never looks at the test images:
99.26 % of those, then 99.43 % of the test images (99.49 % with another seed). An epoch takes ten to
fifteen seconds on two cores.

The images are an .npz file with x_train, y_train, x_test and y_test, such as
https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz:
``python examples/mnist_convolution.py mnist.npz``
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from quickprop.losses import CrossEntropy
from quickprop.nn import (
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Network,
)
from quickprop.optim import AdamW, Cosine
from quickprop.train import Callback, EpochRecord, Progress, fit

EPOCHS, BATCH_SIZE, LEARNING_RATE = 10, 64, 0.002
HELD_OUT = 10_000


def convolutional(seed: int) -> Network:
    """Images 28 x 28 of one channel to raw outputs for ten classes."""
    layers = [
        Conv2D(16, 5, padding="same", bias=False),
        BatchNorm(),
        Activation("relu"),
        MaxPool2D(2),
        Conv2D(32, 5, bias=False),
        BatchNorm(),
        Activation("relu"),
        MaxPool2D(2),
        Flatten(),
        Dropout(0.4),
        Dense(64),
        Activation("relu"),
        Dense(10),
    ]
    return Network(layers, (28, 28, 1), seed=seed)


def images(array: np.ndarray) -> np.ndarray:
    """Bytes (n, 28, 28) as numbers from 0 to 1 with an axis for the channel."""
    return array[..., np.newaxis].astype(np.float32) / np.float32(255)


def accuracy(network: Network, x: np.ndarray, y: np.ndarray) -> float:
    """The share of images whose class has the largest output."""
    return float((network.predict(x).argmax(axis=1) == y).mean())


class Lines(Callback):
    """A line for each epoch."""

    def on_epoch(self, record: EpochRecord, progress: Progress) -> None:
        """Print the loss and the time so far."""
        print(
            f"epoch {record.epoch}: loss {record.train_loss:.4f}, {record.seconds:.0f} s",
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> float:
    """Train and report; returns the accuracy on the images that were kept aside."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", help="the .npz file with the images")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="2,000 images, seconds")
    parser.add_argument(
        "--validate", action="store_true", help="keep training images aside and leave out the test"
    )
    given = parser.parse_args(argv)
    with np.load(given.data) as arrays:
        x, y = images(arrays["x_train"]), arrays["y_train"].astype(np.int32)
        aside, labels = images(arrays["x_test"]), arrays["y_test"].astype(np.int32)
    name = "test"
    if given.validate:
        order = np.random.default_rng(given.seed).permutation(len(x))
        held_out, kept = order[:HELD_OUT], order[HELD_OUT:]
        aside, labels, name = x[held_out], y[held_out], "validation"
        x, y = x[kept], y[kept]
    if given.quick:
        x, y = x[:2000], y[:2000]
    network = convolutional(given.seed)
    started = time.perf_counter()
    fit(
        network,
        x,
        y,
        loss=CrossEntropy(),
        optimizer=AdamW(LEARNING_RATE),
        schedule=Cosine(),
        batch_size=BATCH_SIZE,
        epochs=given.epochs,
        patience=None,
        seed=given.seed,
        callbacks=[Lines()],
    )
    seconds = time.perf_counter() - started
    found = accuracy(network, aside, labels)
    print(
        f"{found:.2%} of {len(labels):,} {name} images after {given.epochs} epochs of "
        f"{len(x):,} images, {network.parameter_count:,} parameters, {seconds:.0f} s"
    )
    return found


if __name__ == "__main__":
    main()
