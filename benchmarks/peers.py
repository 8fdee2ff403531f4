"""One peer trains one job, in a process of its own.

    python benchmarks/peers.py PEER JOB_NUMBER

Prints a JSON object: microseconds a step (the best epoch), seconds to compile, the loss reached.
The threads and the core are those that the caller has set; `training_speed.py` sets one of each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from jobs import JOBS, Job, data, full_loss, weights

Result = dict[str, float]


def timed_epochs(job: Job, epoch: Callable[[int], object]) -> float:
    """Microseconds a step, of the best epoch."""
    best = float("inf")
    for number in range(job.epochs):
        started = time.perf_counter()
        epoch(number)
        best = min(best, time.perf_counter() - started)
    return best / job.steps * 1e6


def quickprop_job(job: Job) -> Result:
    from quickprop import Activation, Adam, CrossEntropy, Dense, Minibatches, Network, gradients
    from quickprop.graph import Graph, constant, placeholder, variable

    x, y = data(job)
    start = weights(job)
    started = time.perf_counter()
    layers = []
    for width in job.sizes[1:-1]:
        layers += [Dense(width), Activation("relu")]
    network = Network([*layers, Dense(job.sizes[-1])], job.sizes[0])
    names = [str(parameter.name) for parameter in network.parameters]
    flat = [array for pair in start for array in pair]
    network.set_weights(dict(zip(names, flat, strict=True)))
    loss = CrossEntropy()
    target = loss.target_placeholder(job.sizes[-1])
    cost = loss(network.output(training=True), target)
    rate = placeholder((), name="learning rate")
    step = variable(0, "int32", "step")
    updates = Adam().updates(network.parameters, gradients(cost, network.parameters), rate, step)
    updates = [*updates, (step, step + constant(1))]
    graph = Graph((*network.inputs, target, rate), (cost,), tuple(updates))
    written = time.perf_counter()
    steps = Minibatches(graph, {network.inputs[0]: x, target: y}, job.batch, threads=1)
    compiled = time.perf_counter() - written

    def epoch(number: int) -> None:
        steps.shuffle(job.seed, number)
        steps.run(0, job.steps, {rate: job.learning_rate})

    best = timed_epochs(job, epoch)
    found = network.weights()
    pairs = [(found[names[k]], found[names[k + 1]]) for k in range(0, len(names), 2)]
    return {
        "step": best,
        "compile": compiled,
        "graph": written - started,
        "loss": full_loss(pairs, x, y),
    }


def sklearn_job(job: Job) -> Result:
    from sklearn.neural_network import MLPClassifier

    x, y = data(job)
    model = MLPClassifier(
        job.sizes[1:-1],
        alpha=0.0,
        batch_size=job.batch,
        learning_rate_init=job.learning_rate,
        random_state=job.seed,
    )
    # The first epoch allocates everything; then its weights are replaced by those of all the
    # others, and its moments, of which a new optimizer begins with zeros.
    classes = np.arange(job.sizes[-1])
    model.partial_fit(x, y, classes=classes)
    model.coefs_ = [w.copy() for w, _ in weights(job)]
    model.intercepts_ = [b.copy() for _, b in weights(job)]
    del model._optimizer
    best = timed_epochs(job, lambda number: model.partial_fit(x, y))
    pairs = list(zip(model.coefs_, model.intercepts_, strict=True))
    return {"step": best, "compile": 0.0, "loss": full_loss(pairs, x, y)}


def torch_job(job: Job) -> Result:
    """The fastest of plain, foreach and fused Adam."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    cross_entropy = torch.nn.functional.cross_entropy
    x, y = data(job)
    features, target = torch.tensor(x), torch.tensor(y).long()
    found = []
    for kind in ({}, {"foreach": True}, {"fused": True}):
        layers: list[torch.nn.Module] = []
        for k, (w, b) in enumerate(weights(job)):
            layer = torch.nn.Linear(*w.shape)
            with torch.no_grad():
                layer.weight.copy_(torch.tensor(w.T.copy()))
                layer.bias.copy_(torch.tensor(b))
            layers += [layer, torch.nn.ReLU()] if k < len(job.sizes) - 2 else [layer]
        network = torch.nn.Sequential(*layers)
        optimizer = torch.optim.Adam(network.parameters(), job.learning_rate, **kind)

        def epoch(number: int, network=network, optimizer=optimizer) -> None:
            order = torch.randperm(job.rows)
            for rows in order.split(job.batch):
                optimizer.zero_grad(set_to_none=True)
                output = network(features.index_select(0, rows))
                cross_entropy(output, target.index_select(0, rows)).backward()
                optimizer.step()

        best = timed_epochs(job, epoch)
        pairs = [
            (layer.weight.detach().numpy().T, layer.bias.detach().numpy())
            for layer in network
            if isinstance(layer, torch.nn.Linear)
        ]
        found.append({"step": best, "compile": 0.0, "loss": full_loss(pairs, x, y)})
    return min(found, key=lambda result: result["step"])


def jax_job(job: Job) -> Result:
    import jax
    import jax.numpy as jnp

    x, y = data(job)
    features, target = jnp.array(x), jnp.array(y)

    def loss(layers, rows):
        h = features[rows]
        for k, (w, b) in enumerate(layers):
            h = h @ w + b
            if k < len(layers) - 1:
                h = jax.nn.relu(h)
        chosen = jnp.take_along_axis(h, target[rows][:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(h, axis=1) - chosen)

    def step(carry, rows):
        layers, m, v, power1, power2 = carry
        gradient = jax.grad(loss)(layers, rows)
        power1, power2 = power1 * 0.9, power2 * 0.999
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
        rate = job.learning_rate / (1 - power1)
        root = 1 / jnp.sqrt(1 - power2)
        layers = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) * root + 1e-8), layers, m, v
        )
        return (layers, m, v, power1, power2), None

    @jax.jit
    def run_epoch(carry, order):
        return jax.lax.scan(step, carry, order)[0]

    # JAX's own permutation sorts, which would be a tenth of an epoch: NumPy's is quicker.
    rng = np.random.default_rng(job.seed)

    def shuffled() -> np.ndarray:
        return rng.permutation(job.rows).astype(np.int32).reshape(job.steps, job.batch)

    layers = [(jnp.array(w), jnp.array(b)) for w, b in weights(job)]
    zeros = jax.tree.map(jnp.zeros_like, layers)
    carry = (layers, zeros, zeros, jnp.float32(1), jnp.float32(1))
    started = time.perf_counter()
    run = run_epoch.lower(carry, shuffled()).compile()
    compiled = time.perf_counter() - started

    def epoch(number: int) -> None:
        nonlocal carry
        carry = jax.block_until_ready(run(carry, shuffled()))

    best = timed_epochs(job, epoch)
    pairs = [(np.asarray(w), np.asarray(b)) for w, b in carry[0]]
    return {"step": best, "compile": compiled, "loss": full_loss(pairs, x, y)}


PEERS = {
    "quickprop": quickprop_job,
    "torch": torch_job,
    "sklearn": sklearn_job,
    "jax": jax_job,
}

if __name__ == "__main__":
    try:
        print(json.dumps(PEERS[sys.argv[1]](JOBS[int(sys.argv[2])])))
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
