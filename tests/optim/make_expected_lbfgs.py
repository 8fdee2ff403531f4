"""Writes expected_lbfgs.json: ten iterations of PyTorch's LBFGS on a small network, in float64.

Run it with PyTorch installed: ``python tests/optim/make_expected_lbfgs.py``. The network is 2-4-1
with tanh; rows, targets and starting weights come from the sines below.
"""

import json
from pathlib import Path

import numpy as np

ITERATIONS = 10
ROWS, HIDDEN = 24, 4
SHAPES = ((2, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,))
#: Name of the case: what the starting weights are multiplied by, and the length of the history.
CASES = {"small": (0.5, 10), "large": (3.0, 10), "short memory": (1.0, 2)}


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Inputs (24, 2) and targets (24, 1)."""
    x = 2.0 * np.sin(np.arange(1.0, 2 * ROWS + 1) ** 2).reshape(ROWS, 2)
    return x, np.sin(x[:, :1]) * x[:, 1:] + 0.5


def start(scale: float) -> list[np.ndarray]:
    """Weights and biases of both layers."""
    arrays, first = [], 1.0
    for shape in SHAPES:
        size = int(np.prod(shape))
        arrays.append(scale * np.sin(3.0 * np.arange(first, first + size)).reshape(shape))
        first += size
    return arrays


def torch_iterations(scale: float, history: int) -> list[list[float]]:
    """The parameters as one list after each iteration."""
    import torch

    x, y = (torch.tensor(array) for array in rows())
    w = [torch.tensor(array, requires_grad=True) for array in start(scale)]
    optimizer = torch.optim.LBFGS(
        w,
        lr=1.0,
        max_iter=1,
        max_eval=10**6,
        history_size=history,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        loss = torch.mean((torch.tanh(x @ w[0] + w[1]) @ w[2] + w[3] - y) ** 2)
        loss.backward()
        return loss

    iterates = []
    for _ in range(ITERATIONS):
        optimizer.step(closure)
        iterates.append(np.concatenate([p.detach().numpy().ravel() for p in w]).tolist())
    return iterates


if __name__ == "__main__":
    expected = {name: torch_iterations(*case) for name, case in CASES.items()}
    path = Path(__file__).with_name("expected_lbfgs.json")
    path.write_text(json.dumps({"iterations": expected}, indent=0) + "\n")
