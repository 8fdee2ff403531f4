"""Writes golden_losses.json: ten full-batch losses and the weights after them, by PyTorch, float64.

Run it with PyTorch installed: ``python tests/train/make_golden_losses.py``. Inputs, classes and
starting weights are fixed by the formulas below.
"""

import json
from pathlib import Path

import numpy as np

ROWS, STEPS = 24, 10
SHAPES = {
    "dense1.weight": (3, 5),
    "dense1.bias": (5,),
    "dense2.weight": (5, 4),
    "dense2.bias": (4,),
    "dense3.weight": (4, 3),
    "dense3.bias": (3,),
}


def inputs():
    """Numbers between -1 and 1, (24, 3)."""
    return np.sin(np.arange(ROWS * 3) * 1.7).reshape(ROWS, 3)


def classes():
    """Codes 0 to 2."""
    return np.arange(ROWS) * 5 % 7 % 3


def starting_weights():
    """Numbers between -0.8 and 0.8."""
    out, count = {}, 0
    for name, shape in SHAPES.items():
        size = int(np.prod(shape))
        out[name] = 0.8 * np.cos(np.arange(count, count + size) * 2.3).reshape(shape)
        count += size
    return out


#: Name of the case: optimizer here and its settings; the same there; L2 penalty.
CASES = {
    "adam": ("Adam", {"learning_rate": 0.05}, "Adam", {"lr": 0.05}, 0.0),
    "momentum and l2": (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.9},
        "SGD",
        {"lr": 0.1, "momentum": 0.9},
        0.03,
    ),
}


def torch_run(kind, settings, l2):
    """The loss before each step, and the weights after the last."""
    import torch

    w = {
        name: torch.tensor(value, requires_grad=True) for name, value in starting_weights().items()
    }
    x, y = torch.tensor(inputs()), torch.tensor(classes())
    optimizer = getattr(torch.optim, kind)(list(w.values()), **settings)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        h = torch.relu(x @ w["dense1.weight"] + w["dense1.bias"])
        h = torch.tanh(h @ w["dense2.weight"] + w["dense2.bias"])
        loss = torch.nn.functional.cross_entropy(h @ w["dense3.weight"] + w["dense3.bias"], y)
        losses.append(loss.item())
        penalty = sum((value**2).sum() for name, value in w.items() if "weight" in name)
        (loss + 0.5 * l2 * penalty).backward()
        optimizer.step()
    return {"losses": losses, "weights": {name: v.detach().tolist() for name, v in w.items()}}


if __name__ == "__main__":
    import torch

    runs = {name: torch_run(kind, given, l2) for name, (_, _, kind, given, l2) in CASES.items()}
    document = {"made with": f"PyTorch {torch.__version__}, float64", "runs": runs}
    (Path(__file__).parent / "golden_losses.json").write_text(json.dumps(document, indent=1) + "\n")
