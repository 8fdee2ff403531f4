"""Writes expected_activations.json: PyTorch's activations and their slopes, in float64.

Run it with PyTorch installed: ``python tests/nn/make_expected_activations.py``.
"""

import json
from pathlib import Path

# Each is the same number in float32: zeros, kinks, where functions saturate, tiny and huge.
SIZES = (0.0, 2.0**-100, 2.0**-20, 0.25, 1.0, 2.5, 3.0, 6.0, 9.5, 20.0, 88.0, 120.0, 1e4, 2.0**100)
POINTS = [sign * size for size in SIZES for sign in (1.0, -1.0)]
ROWS = [
    [0.0, 0.0, 0.0],
    [1.0, -2.0, 0.5],
    [1e4, -1e4, 0.0],
    [1e4, 1e4, -1e4],
    [-1e4, -1e4, -9998.0],
    [2.0**100, 0.0, -(2.0**100)],
]
#: The derivative of the loss by each result of a row.
UPSTREAM = [1.0, -3.0, 0.5]
#: Huge numbers would hide all others in the derivative by the slope, which is a sum.
PRELU_POINTS = [number for number in POINTS if abs(number) < 100.0]
PRELU_SLOPES = [0.25, -0.5, 2.0]

#: Here by name: there by name, with settings.
EACH_NUMBER = {
    "sigmoid": ("sigmoid", {}),
    "hard_sigmoid": ("hardsigmoid", {}),
    "tanh": ("tanh", {}),
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "leaky_relu": ("leaky_relu", {}),
    "elu": ("elu", {}),
    "selu": ("selu", {}),
    "celu": ("celu", {}),
    "gelu": ("gelu", {}),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}),
    "silu": ("silu", {}),
    "hard_swish": ("hardswish", {}),
    "mish": ("mish", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
    "exponential": ("exp", {}),
    "sine": ("sin", {}),
}
WHOLE_VECTOR = ("softmax", "log_softmax")
#: Other values of the parameters: function and settings here, settings there.
WITH_PARAMETERS = {
    "leaky_relu, slope": ("leaky_relu", {"slope": 0.3}, {"negative_slope": 0.3}),
    "elu, alpha": ("elu", {"alpha": 0.4}, {"alpha": 0.4}),
    "celu, alpha": ("celu", {"alpha": 2.5}, {"alpha": 2.5}),
}


def torch_values(name, numbers, settings=None, upstream=None):
    """PyTorch's values and slopes at these numbers."""
    import torch

    there, usual = EACH_NUMBER.get(name, (name, {"dim": -1}))
    home = torch.nn.functional if hasattr(torch.nn.functional, there) else torch
    x = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    y = getattr(home, there)(x, **(usual if settings is None else settings))
    factors = torch.ones_like(y) if upstream is None else torch.tensor(upstream).to(y)
    (y * factors).sum().backward()
    return {"values": y.tolist(), "slopes": x.grad.tolist()}


def torch_prelu(numbers):
    """Values, and derivatives of their sum by the numbers and by the slopes."""
    import torch

    x = torch.tensor([[number] * 3 for number in numbers], dtype=torch.float64, requires_grad=True)
    slopes = torch.tensor(PRELU_SLOPES, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.prelu(x, slopes)
    y.sum().backward()
    return {
        "values": y.tolist(),
        "slopes": x.grad.tolist(),
        "by_parameter": slopes.grad.tolist(),
    }


def document():
    """All of it."""
    import torch

    each = {name: torch_values(name, POINTS) for name in EACH_NUMBER}
    for case, (name, _, settings) in WITH_PARAMETERS.items():
        each[case] = torch_values(name, POINTS, settings)
    return {
        "made with": f"PyTorch {torch.__version__}, float64",
        "each number": each,
        "whole vector": {name: torch_values(name, ROWS, None, UPSTREAM) for name in WHOLE_VECTOR},
        "prelu": torch_prelu(PRELU_POINTS),
    }


if __name__ == "__main__":
    text = json.dumps(document(), indent=None, separators=(",", ":")).replace('],"', '],\n"')
    (Path(__file__).parent / "expected_activations.json").write_text(text + "\n")
