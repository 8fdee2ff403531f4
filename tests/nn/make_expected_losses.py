"""Writes expected_losses.json: values and derivatives of losses by PyTorch, in float64.

Run it with PyTorch installed: ``python tests/nn/make_expected_losses.py``. Every case holds the
loss as a document, raw outputs, target, the mean loss, and its derivative by the raw outputs.
"""

import json
from pathlib import Path

import torch
from torch import distributions as d
from torch.nn import functional as f

PATH = Path(__file__).with_name("expected_losses.json")

OUTPUT = [[0.3, -1.2, 2.0], [1.5, 0.4, -0.7], [-2.0, 0.1, 0.6], [4.0, -3.0, 1.0]]
NUMBERS = [[0.5, -1.0, -1.0], [1.5, 2.0, -0.2], [-2.0, 3.1, 1.6], [1.0, -3.5, 7.0]]
LABELS = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
SOFT = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.25, 0.25, 0.5]]
CODES = [2, 0, 1, 1]
SIX = [
    [0.3, -1.2, 2.0, 0.4, -0.5, 1.0],
    [1.5, 0.4, -0.7, -1.0, 0.0, 3.0],
    [-2.0, 0.1, 0.6, 2.0, 0.7, -2.0],
]
ONE = [[0.4], [-1.3], [2.2]]
TWO = [[0.4, -1.0], [-1.3, 0.5], [2.2, 7.0]]
COUNTS = [[0.0], [3.0], [12.0]]
TWO_COUNTS = [[0.0, 2.0], [3.0, 1.0], [12.0, 40.0]]


def scale(raw):
    return f.softplus(raw) + 1e-6


def columns(x, count):
    return x.chunk(count, dim=1)


def gaussian(x, y):
    m, s = columns(x, 2)
    return f.gaussian_nll_loss(m, y, scale(s) ** 2, full=True, eps=1e-30)


def laplace(x, y):
    m, s = columns(x, 2)
    return -d.Laplace(m, scale(s)).log_prob(y).mean()


def student(x, y):
    m, s, n = columns(x, 3)
    return -d.StudentT(scale(n) + 2.0, m, scale(s)).log_prob(y).mean()


def poisson(x, y):
    return f.poisson_nll_loss(x, y, log_input=True) + torch.lgamma(y + 1.0).mean()


def negative_binomial(x, y):
    m, s = columns(x, 2)
    r = scale(s)
    return -d.NegativeBinomial(r, logits=m - torch.log(r)).log_prob(y).mean()


def mixture(components):
    def loss(x, y):
        shape = (len(x), y.shape[1], components)
        logits, m, s = (part.reshape(shape) for part in columns(x, 3))
        each = d.Normal(m, scale(s))
        return -d.MixtureSameFamily(d.Categorical(logits=logits), each).log_prob(y).mean()

    return loss


def cross_entropy(**settings):
    def loss(x, y):
        if "weight" in settings:
            weighed = dict(settings, weight=torch.tensor(settings["weight"], dtype=x.dtype))
            return f.cross_entropy(x, y, reduction="none", **weighed).mean()
        return f.cross_entropy(x, y, **settings)

    return loss


def binary(x, y):
    return f.binary_cross_entropy_with_logits(x, y)


def binary_weighed(x, y):
    positive = torch.tensor([2.0, 0.5, 1.0], dtype=x.dtype)
    return f.binary_cross_entropy_with_logits(x, y, pos_weight=positive)


def binary_smoothed(x, y):
    return f.binary_cross_entropy_with_logits(x, y * 0.8 + 0.1)


def focal(x, y):
    p = torch.sigmoid(x)
    right = p * y + (1 - p) * (1 - y)
    factor = 0.25 * y + 0.75 * (1 - y)
    each = f.binary_cross_entropy_with_logits(x, y, reduction="none")
    return (factor * (1 - right) ** 2.0 * each).mean()


def kl(x, y):
    return f.kl_div(f.log_softmax(x, 1), y, reduction="batchmean")


def cosine(x, y):
    return (1.0 - f.cosine_similarity(x, y)).mean()


FULL = {"target": "codes", "label_smoothing": 0.0, "class_weight": None}
BINARY = {"label_smoothing": 0.0, "class_weight": None, "positive_weight": None}

#: Name: kind, settings, raw outputs, target, the loss by PyTorch.
CASES = {
    "squared": ("MeanSquaredError", {}, OUTPUT, NUMBERS, f.mse_loss),
    "absolute": ("MeanAbsoluteError", {}, OUTPUT, NUMBERS, f.l1_loss),
    "huber": ("Huber", {"delta": 0.7}, OUTPUT, NUMBERS, lambda x, y: f.huber_loss(x, y, delta=0.7)),
    "huber, default": ("Huber", {"delta": 1.0}, OUTPUT, NUMBERS, f.huber_loss),
    "codes": ("CrossEntropy", FULL, OUTPUT, CODES, cross_entropy()),
    "codes, smoothed": (
        "CrossEntropy",
        FULL | {"label_smoothing": 0.1},
        OUTPUT,
        CODES,
        cross_entropy(label_smoothing=0.1),
    ),
    "codes, weighed": (
        "CrossEntropy",
        FULL | {"class_weight": [0.5, 2.0, 1.0]},
        OUTPUT,
        CODES,
        cross_entropy(weight=[0.5, 2.0, 1.0]),
    ),
    "soft": ("CrossEntropy", FULL | {"target": "probabilities"}, OUTPUT, SOFT, cross_entropy()),
    "soft, weighed and smoothed": (
        "CrossEntropy",
        {"target": "probabilities", "label_smoothing": 0.3, "class_weight": [0.5, 2.0, 1.0]},
        OUTPUT,
        SOFT,
        cross_entropy(weight=[0.5, 2.0, 1.0], label_smoothing=0.3),
    ),
    "labels": ("BinaryCrossEntropy", BINARY, OUTPUT, LABELS, binary),
    "labels, weighed": (
        "BinaryCrossEntropy",
        BINARY | {"positive_weight": [2.0, 0.5, 1.0]},
        OUTPUT,
        LABELS,
        binary_weighed,
    ),
    "labels, smoothed": (
        "BinaryCrossEntropy",
        BINARY | {"label_smoothing": 0.2},
        OUTPUT,
        LABELS,
        binary_smoothed,
    ),
    "focal": ("Focal", {"gamma": 2.0, "alpha": 0.25}, OUTPUT, LABELS, focal),
    "divergence": ("KLDivergence", {}, OUTPUT, SOFT, kl),
    "angle": ("CosineSimilarity", {}, OUTPUT, NUMBERS, cosine),
    "gaussian": ("GaussianLikelihood", {}, SIX[0:2], [[0.4, -1.0, 5.0], [0.1, 0.2, 0.3]], gaussian),
    "laplace": ("LaplaceLikelihood", {}, TWO, ONE, laplace),
    "student": ("StudentTLikelihood", {}, SIX, TWO, student),
    "poisson": ("PoissonLikelihood", {}, ONE, COUNTS, poisson),
    "negative binomial": ("NegativeBinomialLikelihood", {}, TWO, COUNTS, negative_binomial),
    "negative binomials": (
        "NegativeBinomialLikelihood",
        {},
        [row[:4] for row in SIX],
        TWO_COUNTS,
        negative_binomial,
    ),
    "mixture": ("MixtureLikelihood", {"components": 2}, SIX, ONE, mixture(2)),
    "mixtures": ("MixtureLikelihood", {"components": 1}, SIX, TWO, mixture(1)),
}


def computed(name):
    """The case with PyTorch's numbers, as the file holds it."""
    kind, settings, output, target, loss = CASES[name]
    x = torch.tensor(output, dtype=torch.float64, requires_grad=True)
    codes = isinstance(target[0], int)
    value = loss(x, torch.tensor(target, dtype=torch.int64 if codes else torch.float64))
    value.backward()
    return {
        "loss": {"kind": kind, **settings},
        "output": output,
        "target": target,
        "value": value.item(),
        "slopes": x.grad.tolist(),
    }


if __name__ == "__main__":
    cases = {name: computed(name) for name in CASES}
    PATH.write_text(json.dumps({"torch": torch.__version__, "cases": cases}, indent=1) + "\n")
