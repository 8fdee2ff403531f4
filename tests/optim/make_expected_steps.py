"""Writes expected_steps.json: ten steps of PyTorch's optimizers, in float64.

Run it with PyTorch installed: ``python tests/optim/make_expected_steps.py``. The loss is
``sum(scale * (w - goal)**2) / 2`` with the fixed numbers below.
"""

import json
from pathlib import Path

START = [[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]
GOAL = [[0.0, 1.0, 0.5], [2.0, -1.0, 4.0]]
SCALE = [[1.0, 0.5, 3.0], [2.0, 1e-3, 10.0]]
STEPS = 10

#: Name of the case: optimizer here, settings here; optimizer there, settings there.
CASES = {
    "sgd": ("SGD", {"learning_rate": 0.05}, "SGD", {"lr": 0.05}),
    "momentum": (
        "SGD",
        {"learning_rate": 0.02, "momentum": 0.9},
        "SGD",
        {"lr": 0.02, "momentum": 0.9},
    ),
    "adam": ("Adam", {"learning_rate": 0.1}, "Adam", {"lr": 0.1}),
    "adam, other settings": (
        "Adam",
        {"learning_rate": 0.3, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-2},
        "Adam",
        {"lr": 0.3, "betas": (0.5, 0.9), "eps": 1e-2},
    ),
    "adam without means": (
        "Adam",
        {"learning_rate": 0.1, "beta1": 0.0, "beta2": 0.0},
        "Adam",
        {"lr": 0.1, "betas": (0.0, 0.0)},
    ),
    "adamw": ("AdamW", {"learning_rate": 0.1}, "AdamW", {"lr": 0.1}),
    "adamw, strong decay": (
        "AdamW",
        {"learning_rate": 0.1, "weight_decay": 0.5},
        "AdamW",
        {"lr": 0.1, "weight_decay": 0.5},
    ),
}


def torch_steps(kind, settings):
    """The weights after each step."""
    import torch

    w = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    goal = torch.tensor(GOAL, dtype=torch.float64)
    scale = torch.tensor(SCALE, dtype=torch.float64)
    optimizer = getattr(torch.optim, kind)([w], **settings)
    path = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        (scale * (w - goal) ** 2).sum().div(2).backward()
        optimizer.step()
        path.append(w.detach().tolist())
    return path


if __name__ == "__main__":
    import torch

    steps = {name: torch_steps(kind, given) for name, (_, _, kind, given) in CASES.items()}
    document = {"made with": f"PyTorch {torch.__version__}, float64", "steps": steps}
    text = json.dumps(document, indent=1)
    (Path(__file__).parent / "expected_steps.json").write_text(text + "\n")
