"""Writes expected_rates.json: the learning rates of PyTorch's schedulers, step by step.

Run it with PyTorch installed: ``python tests/optim/make_expected_rates.py``. The base rate is 0.5.
"""

import json
import warnings
from pathlib import Path

BASE = 0.5

#: Name of the case: schedule here, settings, steps of the fit; scheduler there, settings.
CASES = {
    "step": ("StepDecay", {"steps": 4}, 15, "StepLR", {"step_size": 4}),
    "step, by half": (
        "StepDecay",
        {"factor": 0.5, "steps": 3},
        15,
        "StepLR",
        {"step_size": 3, "gamma": 0.5},
    ),
    "exponential": (
        "ExponentialDecay",
        {"factor": 0.9, "steps": 1},
        15,
        "ExponentialLR",
        {"gamma": 0.9},
    ),
    "cosine": ("Cosine", {}, 15, "CosineAnnealingLR", {"T_max": 15}),
    "cosine to a floor": (
        "Cosine",
        {"floor": 0.2, "steps": 20},
        15,
        "CosineAnnealingLR",
        {"T_max": 20, "eta_min": 0.1},
    ),
    "one cycle": ("OneCycle", {}, 20, "OneCycleLR", {"max_lr": BASE, "total_steps": 20}),
    "one cycle, its own": (
        "OneCycle",
        {"rise": 0.6, "start_divisor": 5.0, "end_divisor": 10.0, "steps": 17},
        17,
        "OneCycleLR",
        {
            "max_lr": BASE,
            "total_steps": 17,
            "pct_start": 0.6,
            "div_factor": 5.0,
            "final_div_factor": 10.0,
        },
    ),
    "warm-up": (
        "WarmUp",
        {"steps": 6, "start": 0.25},
        15,
        "LinearLR",
        {"start_factor": 0.25, "total_iters": 6},
    ),
}

#: Losses of epochs, and what a rate makes of them.
LOSSES = [9.0, 8.0, 8.5, 8.2, 7.99995, 8.1, 6.0, 6.5, 6.5, 5.9, 5.95, 5.95, 5.95, 5.95, 5.0, 5.1]
LOSSES += [5.1, 5.1, 4.0, 4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 4.5]
PLATEAUS = {
    "patience 1": (
        {"factor": 0.5, "patience": 1},
        {"factor": 0.5, "patience": 1},
    ),
    "with a rest": (
        {"factor": 0.5, "patience": 0, "cooldown": 2, "threshold": 0.01},
        {"factor": 0.5, "patience": 0, "cooldown": 2, "threshold": 0.01},
    ),
    "with a floor": (
        {"factor": 0.1, "patience": 1, "floor": 0.02},
        {"factor": 0.1, "patience": 1, "min_lr": 0.01},
    ),
}


def _optimizer():
    import torch

    return torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=BASE)


def _walk(optimizer, scheduler, steps):
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The step after the last one of a cycle.
            try:
                scheduler.step()
            except ValueError:
                break
    return rates


def torch_rates(kind, settings, steps):
    """The rate of each step."""
    import torch

    optimizer = _optimizer()
    scheduler = getattr(torch.optim.lr_scheduler, kind)(optimizer, **settings)
    return _walk(optimizer, scheduler, steps)


def torch_warm_cosine():
    """A warm-up of 5 steps and then half a cosine wave over 10."""
    from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

    optimizer = _optimizer()
    both = [LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, 10)]
    return _walk(optimizer, SequentialLR(optimizer, both, [5]), 15)


def torch_plateau(settings):
    """The rate after each of the epochs."""
    import torch

    optimizer = _optimizer()
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    rates = []
    for loss in LOSSES:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def everything():
    """All stored numbers."""
    rates = {
        name: torch_rates(kind, given, steps) for name, (_, _, steps, kind, given) in CASES.items()
    }
    rates["warm-up and cosine"] = torch_warm_cosine()
    rates |= {name: torch_plateau(given) for name, (_, given) in PLATEAUS.items()}
    return rates


if __name__ == "__main__":
    import torch

    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(r)}" for name, r in everything().items())
    made = json.dumps(f"PyTorch {torch.__version__}")
    text = f'{{"made with": {made}, "rates": {{\n{lines}\n}}}}\n'
    (Path(__file__).parent / "expected_rates.json").write_text(text)
