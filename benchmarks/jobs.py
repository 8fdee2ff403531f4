"""The training jobs that are timed, and their data: the same for everybody."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Job:
    """A multi-layer perceptron with relu, trained by Adam on softmax cross-entropy."""

    sizes: tuple[int, ...]
    batch: int
    rows: int
    epochs: int
    learning_rate: float = 1e-3
    seed: int = 0

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes)) + f", {self.batch}"

    @property
    def steps(self) -> int:
        """Steps of an epoch; the rows are a multiple of the batch, so all peers do the same."""
        return self.rows // self.batch

    @property
    def flops(self) -> float:
        """Multiplications and additions of the matrix products of a step."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        products = sum(a * b for a, b in pairs)
        # Forward, gradient by weights, and gradient by inputs for all layers but the first.
        return 2.0 * self.batch * (3 * products - pairs[0][0] * pairs[0][1])

    def document(self) -> dict:
        return asdict(self)


JOBS = (
    Job((20, 16, 16, 5), 32, 9984, 6),
    Job((20, 64, 64, 5), 256, 9984, 6),
    Job((50, 256, 256, 10), 256, 9984, 4),
    Job((512, 1024, 1024, 10), 512, 4096, 2),
)
#: What each row of the table should reach: times faster than PyTorch, scikit-learn, JAX.
TARGETS = ((150, 40, 10), (12, 7, 2.5), (4, 2.5, 1.7), (1.2, 1, 1))


def data(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 (rows, n) and class codes int32 (rows,): a noisy linear rule."""
    rng = np.random.default_rng(job.seed)
    x = rng.normal(size=(job.rows, job.sizes[0])).astype(np.float32)
    rule = rng.normal(size=(job.sizes[0], job.sizes[-1]))
    y = (x @ rule + 0.3 * rng.normal(size=(job.rows, job.sizes[-1]))).argmax(axis=1)
    return x, y.astype(np.int32)


def weights(job: Job) -> list[tuple[np.ndarray, np.ndarray]]:
    """Starting weights (He) and biases, the same for everybody."""
    rng = np.random.default_rng(job.seed + 1)
    pairs = zip(job.sizes, job.sizes[1:], strict=False)
    return [
        (
            (rng.normal(size=(a, b)) * np.sqrt(2 / a)).astype(np.float32),
            np.zeros(b, np.float32),
        )
        for a, b in pairs
    ]


def full_loss(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, y: np.ndarray) -> float:
    """Cross-entropy over all rows, in float64: how far a peer came."""
    h = x.astype(np.float64)
    for k, (w, b) in enumerate(layers):
        h = h @ w + b
        if k < len(layers) - 1:
            h = np.maximum(h, 0)
    h -= h.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(h).sum(axis=1)) - h[np.arange(len(y)), y]))
