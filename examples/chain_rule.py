"""The chain rule by hand, beside what the network traces of itself, and beside small changes.

Two inputs, two sigmoid neurons, one sigmoid neuron, one row. Every derivative is worked out below
in plain Python, one line each; `Network.trace` gives the same numbers, and so do the changes of the
loss when a weight is moved a little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from drawing import BLACK, BLUE, ORANGE, SKY, Panel, options, save

from quickprop import Activation, Dense, MeanSquaredError, Network

X, TARGET = (1.0, 0.5), 1.0
START = {
    "dense1.weight": [[0.8, -1.2], [1.5, 0.4]],
    "dense1.bias": [-0.5, 0.3],
    "dense2.weight": [[1.1], [-0.7]],
    "dense2.bias": [0.2],
}


def sigmoid(a: float) -> float:
    """1 / (1 + exp(-a)); its slope is o (1 - o)."""
    return 1 / (1 + math.exp(-a))


def by_hand() -> dict[str, float]:
    """The loss and its derivative by every weight and bias, as with paper and pencil."""
    (w1_11, w1_21), (w1_12, w1_22) = START["dense1.weight"]
    b1_1, b1_2 = START["dense1.bias"]
    (w2_11,), (w2_12,) = START["dense2.weight"]
    (b2_1,) = START["dense2.bias"]
    x1, x2 = X
    # Forward: weighted inputs, outputs, loss.
    a1_1 = w1_11 * x1 + w1_12 * x2 + b1_1
    a1_2 = w1_21 * x1 + w1_22 * x2 + b1_2
    o1_1, o1_2 = sigmoid(a1_1), sigmoid(a1_2)
    a2_1 = w2_11 * o1_1 + w2_12 * o1_2 + b2_1
    o2_1 = sigmoid(a2_1)
    loss = (o2_1 - TARGET) ** 2
    # Backward: from the loss to every weighted input.
    d_o2_1 = 2 * (o2_1 - TARGET)
    d_a2_1 = d_o2_1 * o2_1 * (1 - o2_1)
    d_o1_1, d_o1_2 = d_a2_1 * w2_11, d_a2_1 * w2_12
    d_a1_1 = d_o1_1 * o1_1 * (1 - o1_1)
    d_a1_2 = d_o1_2 * o1_2 * (1 - o1_2)
    # A weight's derivative is that of the weighted input it leads to, times what it starts from.
    return {
        "loss": loss,
        "w_1,11": d_a1_1 * x1,
        "w_1,12": d_a1_1 * x2,
        "b_1,1": d_a1_1,
        "w_1,21": d_a1_2 * x1,
        "w_1,22": d_a1_2 * x2,
        "b_1,2": d_a1_2,
        "w_2,11": d_a2_1 * o1_1,
        "w_2,12": d_a2_1 * o1_2,
        "b_2,1": d_a2_1,
    }


def named(arrays: dict[str, np.ndarray]) -> dict[str, float]:
    """Arrays of the shapes of the parameters, number by number."""
    found = {}
    for layer in (1, 2):
        weight, bias = arrays[f"dense{layer}.weight"], arrays[f"dense{layer}.bias"]
        for i in range(len(bias)):
            for j in range(len(weight)):
                found[f"w_{layer},{i + 1}{j + 1}"] = float(weight[j, i])
            found[f"b_{layer},{i + 1}"] = float(bias[i])
    return found


def by_small_changes(network: Network, change: float = 1e-6) -> dict[str, float]:
    """The loss after a step up, less that after a step down, over the way between."""
    slopes = {}
    for name, start in network.weights().items():
        slope = np.zeros_like(start)
        for place in np.ndindex(start.shape):
            losses = []
            for step in (change, -change):
                moved = start.copy()
                moved[place] += step
                network.set_weights({**network.weights(), name: moved})
                losses.append(float((network.predict([X])[0, 0] - TARGET) ** 2))
            slope[place] = (losses[0] - losses[1]) / (2 * change)
            network.set_weights({**network.weights(), name: start})
        slopes[name] = slope
    return named(slopes)


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Compare the three and draw them; returns the largest differences."""
    given = options(__doc__, argv)
    network = Network(
        [Dense(2), Activation("sigmoid"), Dense(1), Activation("sigmoid")], 2, dtype="float64"
    )
    network.set_weights(START)
    traced = network.trace(X, TARGET, MeanSquaredError())
    hand, trace = by_hand(), named(dict(traced.gradients))
    changes = by_small_changes(network)
    print(traced)
    print()
    print(f"loss by hand {hand['loss']:.10f}, in the trace {traced.loss_value:.10f}")
    print("dL/d...        by hand        trace    small changes")
    for name, value in trace.items():
        print(f"{name:8} {hand[name]:13.9f} {value:12.9f} {changes[name]:16.9f}")
    found = {
        "trace": max(abs(hand[name] - value) for name, value in trace.items()),
        "small changes": max(abs(hand[name] - changes[name]) for name in trace),
    }
    print(f"largest difference between hand and trace: {found['trace']:.1e}")
    print(f"largest difference between hand and small changes: {found['small changes']:.1e}")
    names = list(trace)
    ends = (-0.5, len(names) - 0.5)
    high = 1.25 * max(abs(value) for value in trace.values())
    panel = Panel("dL/dw, three ways", ends, (-high, 0.5 * high), "weight", names=names, width=620)
    panel.legend = "lower left"
    panel.line(ends, (0, 0), BLACK, width=0.8)
    values = [hand[name] for name in names]
    places = np.arange(len(names), dtype=float)
    panel.points(places, [changes[n] for n in names], SKY, "small changes", 9)
    panel.points(places, [trace[n] for n in names], BLUE, "trace", 6)
    panel.points(places, values, ORANGE, "by hand", 2.5)
    for place, value in zip(places, values, strict=True):
        panel.words(place, value + 0.1 * high, f"{value:.4f}", BLACK, "middle")
    save(given.out / "chain_rule.svg", [[panel]])
    picture = network.diagram().save(given.out / "chain_rule_network.svg")
    print(f"picture: {picture}")
    return found


if __name__ == "__main__":
    main()
