"""Convolutional and normalised networks against PyTorch eager, one thread each, in one run.

    python benchmarks/networks.py [--rounds 3] [--out FILE]

The jobs: LeNet-5 (its common form with relu and maximum pooling) on images of MNIST's size, and a
network of two hidden layers of 64 with batch normalisation and dropout. Same data, same start, same
batch size and optimizer (Adam); microseconds a step, of the best epoch; losses side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from training_speed import best, cpu_name, run, versions

HERE = Path(__file__).parent
#: Name, batch size, rows, epochs, and how many times faster than PyTorch it should be.
JOBS = {
    "LeNet-5, batch 64": ("lenet", 64, 2048, 4, 1.0),
    "BatchNorm + Dropout, 20-64-64-5, batch 256": ("normalised", 256, 9984, 6, 5.0),
}
RATE = 1e-3


def data(kind: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float32 and class codes int32 by a noisy linear rule."""
    rng = np.random.default_rng(0)
    shape, classes = ((28, 28, 1), 10) if kind == "lenet" else ((20,), 5)
    x = rng.normal(size=(rows, *shape)).astype(np.float32)
    flat = x.reshape(rows, -1)
    scores = flat @ rng.normal(size=(flat.shape[1], classes)) / np.sqrt(flat.shape[1])
    noisy = scores + 0.3 * rng.normal(size=(rows, classes))
    return x, noisy.argmax(axis=1).astype(np.int32)


def layers(kind: str) -> list:
    from quickprop.nn import (
        Activation,
        BatchNorm,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        MaxPool2D,
    )

    relu = Activation("relu")
    if kind == "lenet":
        front = [Conv2D(6, 5, padding=2), relu, MaxPool2D(2), Conv2D(16, 5), relu, MaxPool2D(2)]
        return [*front, Flatten(), Dense(120), relu, Dense(84), relu, Dense(10)]
    hidden = [part for _ in range(2) for part in (Dense(64), BatchNorm(), relu, Dropout(0.1))]
    return [*hidden, Dense(5)]


def timed(job: tuple, epoch: Callable[[int], None]) -> float:
    _, batch, rows, epochs, _ = job
    found = float("inf")
    for number in range(epochs):
        started = time.perf_counter()
        epoch(number)
        found = min(found, time.perf_counter() - started)
    return found / (rows // batch) * 1e6


def quickprop_job(job: tuple) -> dict:
    from quickprop.execution import Minibatches
    from quickprop.losses import CrossEntropy
    from quickprop.nn import Network
    from quickprop.optim import Adam
    from quickprop.train.objective import MeanLoss
    from quickprop.train.step import StepSpec, write_step

    kind, batch, rows, _, _ = job
    x, y = data(kind, rows)
    network = Network(layers(kind), x.shape[1:])
    step = write_step(network, StepSpec(MeanLoss(CrossEntropy()), Adam(learning_rate=RATE)))
    started = time.perf_counter()
    bound = {network.inputs[0]: x, step.target: y}
    batches = Minibatches(step.graph, bound, batch, threads=1)
    compiled = time.perf_counter() - started
    scalars = step.scalars(learning_rate=RATE, seed=0)

    losses = []

    def epoch(number: int) -> None:
        batches.shuffle(0, number)
        losses.append(batches.run(0, rows // batch, scalars) / rows)

    return {"step": timed(job, epoch), "compile": compiled, "loss": losses[-1]}


def _same_start(model, kind: str, shape: tuple[int, ...]) -> None:
    """Give a PyTorch model the starting weights of ours."""
    import torch

    from quickprop.nn import Network

    network = Network(layers(kind), shape)
    ours = [placed for placed in network.layers if "weight" in placed.parameters]
    theirs = [part for part in model if hasattr(part, "weight")]
    flattened = None
    for placed, part in zip(ours, theirs, strict=True):
        weight = placed.parameters["weight"].value
        if weight.ndim == 4:
            flattened = weight.shape[-1]
            weight = weight.transpose(3, 2, 0, 1)
        elif weight.ndim == 2:
            if flattened:
                # Ours runs over (height, width, channel), theirs over (channel, height, width).
                side = int(np.sqrt(len(weight) // flattened))
                weight = weight.reshape(side, side, flattened, -1).transpose(2, 0, 1, 3)
                weight, flattened = weight.reshape(-1, weight.shape[-1]), None
            weight = weight.T
        with torch.no_grad():
            part.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            part.bias.copy_(torch.from_numpy(placed.parameters["bias"].value))


def torch_job(job: tuple) -> dict:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    kind, batch, rows, _, _ = job
    x, y = data(kind, rows)
    if kind == "lenet":
        x = x.transpose(0, 3, 1, 2).copy()
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip
    else:
        parts: list = []
        width = 20
        for _ in range(2):
            parts += [nn.Linear(width, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1)]
            width = 64
        model = nn.Sequential(*parts, nn.Linear(64, 5))
    _same_start(model, kind, data(kind, 1)[0].shape[1:])
    found = {}
    inputs, target = torch.from_numpy(x), torch.from_numpy(y).long()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for name, settings in (("plain", {}), ("fused", {"fused": True})):
        model.load_state_dict(state)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE, **settings)
        losses: list[float] = []

        def epoch(number: int, optimizer=optimizer, losses=losses) -> None:
            order = torch.from_numpy(np.random.default_rng(number).permutation(rows))
            total = torch.zeros(())
            for first in range(0, rows, batch):
                some = order[first : first + batch]
                optimizer.zero_grad(set_to_none=True)
                loss = nn.functional.cross_entropy(model(inputs[some]), target[some])
                loss.backward()
                optimizer.step()
                total += loss.detach()
            losses.append(float(total) / (rows // batch))

        found[name] = {"step": timed(job, epoch), "loss": losses[-1]}
    return min(found.values(), key=lambda result: result["step"])


PEERS = {"quickprop": quickprop_job, "torch": torch_job}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "networks.json")
    parser.add_argument("--peer", nargs=2, metavar=("PEER", "JOB"), help="run one, print JSON")
    options = parser.parse_args()
    if options.peer:
        peer, name = options.peer
        try:
            print(json.dumps(PEERS[peer](JOBS[name])))
        except ImportError as error:
            print(json.dumps({"missing": str(error)}))
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"{cpu_name()}, one thread on one core")
    print("\n| network | quickprop | PyTorch | times faster (target) | compile | losses |")
    print("|---|---|---|---|---|---|")
    rows = []
    for name, job in JOBS.items():
        rounds: dict[str, list[dict]] = {peer: [] for peer in PEERS}
        for _ in range(options.rounds):
            for peer, found in rounds.items():
                found.append(run("networks.py", "--peer", peer, name))
        results = {peer: best(found) for peer, found in rounds.items()}
        rows.append({"job": name, "results": results})
        ours, theirs = results["quickprop"], results["torch"]
        if "step" not in ours or "step" not in theirs:
            print(f"| {name} | {ours.get('missing', 'measured')} | {theirs.get('missing')} |")
            continue
        print(
            f"| {name} | {ours['step']:.4g} us | {theirs['step']:.4g} us "
            f"| {theirs['step'] / ours['step']:.2f}x ({job[4]:g}x) | {ours['compile']:.2f} s "
            f"| {ours['loss']:.3f} {theirs['loss']:.3f} |",
            flush=True,
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"versions": versions(), "rows": rows}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
