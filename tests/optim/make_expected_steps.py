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
    "nesterov": (
        "SGD",
        {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        "SGD",
        {"lr": 0.02, "momentum": 0.9, "nesterov": True},
    ),
    "adagrad": ("Adagrad", {"learning_rate": 0.5}, "Adagrad", {"lr": 0.5}),
    "adagrad, defaults": ("Adagrad", {}, "Adagrad", {}),
    "adadelta": (
        "Adadelta",
        {"decay": 0.7, "epsilon": 1e-2},
        "Adadelta",
        {"rho": 0.7, "eps": 1e-2},
    ),
    "adadelta, defaults": ("Adadelta", {}, "Adadelta", {}),
    "rmsprop": ("RMSprop", {}, "RMSprop", {}),
    "rmsprop, all settings": (
        "RMSprop",
        {
            "learning_rate": 0.05,
            "decay": 0.8,
            "momentum": 0.5,
            "centered": True,
            "epsilon": 1e-3,
        },
        "RMSprop",
        {"lr": 0.05, "alpha": 0.8, "momentum": 0.5, "centered": True, "eps": 1e-3},
    ),
    "adamax": ("AdaMax", {"learning_rate": 0.1}, "Adamax", {"lr": 0.1}),
    "adamax, defaults": ("AdaMax", {}, "Adamax", {}),
    "nadam": ("NAdam", {"learning_rate": 0.1}, "NAdam", {"lr": 0.1}),
    "nadam, fast": (
        "NAdam",
        {"beta1": 0.8, "beta2": 0.95, "momentum_decay": 0.5},
        "NAdam",
        {"betas": (0.8, 0.95), "momentum_decay": 0.5},
    ),
    "rprop": ("Rprop", {"learning_rate": 0.5}, "Rprop", {"lr": 0.5}),
    "rprop, narrow ends": (
        "Rprop",
        {"learning_rate": 1.0, "shrink": 0.25, "growth": 2.0, "smallest": 0.5, "largest": 1.5},
        "Rprop",
        {"lr": 1.0, "etas": (0.25, 2.0), "step_sizes": (0.5, 1.5)},
    ),
    "amsgrad": ("AMSGrad", {"learning_rate": 0.5}, "Adam", {"lr": 0.5, "amsgrad": True}),
    "amsgrad, short memory": (
        "AMSGrad",
        {"learning_rate": 0.5, "beta1": 0.5, "beta2": 0.5},
        "Adam",
        {"lr": 0.5, "betas": (0.5, 0.5), "amsgrad": True},
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

    before = torch.get_default_dtype()
    # NAdam keeps its running product in the default type, whatever the type of the weights.
    torch.set_default_dtype(torch.float64)
    try:
        w = torch.tensor(START, requires_grad=True)
        goal, scale = torch.tensor(GOAL), torch.tensor(SCALE)
        optimizer = getattr(torch.optim, kind)([w], **settings)
        path = []
        for _ in range(STEPS):
            optimizer.zero_grad()
            (scale * (w - goal) ** 2).sum().div(2).backward()
            optimizer.step()
            path.append(w.detach().tolist())
        return path
    finally:
        torch.set_default_dtype(before)


if __name__ == "__main__":
    import torch

    steps = {name: torch_steps(kind, given) for name, (_, _, kind, given) in CASES.items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(path)}" for name, path in steps.items())
    made = json.dumps(f"PyTorch {torch.__version__}, float64")
    text = f'{{"made with": {made}, "steps": {{\n{lines}\n}}}}\n'
    (Path(__file__).parent / "expected_steps.json").write_text(text)
