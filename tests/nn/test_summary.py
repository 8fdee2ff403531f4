"""The table of a network, and the memory that its compiled code really takes."""

import numpy as np
import pytest

from quickprop.autodiff import gradients
from quickprop.errors import SettingError
from quickprop.execution import Minibatches, function
from quickprop.graph import Graph, placeholder
from quickprop.losses import MeanSquaredError
from quickprop.nn import (
    Activation,
    Dense,
    Dropout,
    Network,
)
from quickprop.nn.node import Input
from quickprop.nn.summary import size, summary

LAYERS = [Dense(8), Activation("relu"), Dropout(0.1), Dense(3)]


def test_the_table():
    lines = str(summary(Network(LAYERS, 4), rows=100)).splitlines()
    assert lines[:7] == [
        "layer        kind                       output  parameters",
        "dense1       Dense(width=8, bias=True)       8          40",
        "activation1  Activation(name=relu)           8           0",
        "dropout1     Dropout(rate=0.1)               8           0",
        "dense2       Dense(width=3, bias=True)       3          27",
        "total                                                   67",
        "",
    ]
    assert lines[7] == "memory for 100 rows"
    assert [line.split("  ")[0] for line in lines[8:]] == [
        "parameters",
        "forward pass",
        "training step",
    ]
    # 67 numbers of 4 bytes.
    assert lines[8].endswith("  268 bytes")


def test_what_a_layer_reads_is_said_where_it_is_not_the_one_before():
    x = Input(4, name="signal")
    h = Dense(3)(x)
    network = Network([Dense(2)(h), Dense(5)(h)])
    lines = str(summary(network)).splitlines()
    assert lines[:5] == [
        "layer   kind                       reads   output  parameters",
        "dense1  Dense(width=3, bias=True)  signal       3          15",
        "dense2  Dense(width=2, bias=True)  dense1       2           8",
        "dense3  Dense(width=5, bias=True)  dense1       5          20",
        "total                                                      43",
    ]


DEEP = [part for _ in range(6) for part in (Dense(32), Activation("tanh"))]


@pytest.mark.parametrize(
    "layers",
    [[Dense(1)], LAYERS, [*DEEP, Dense(4)], [Dense(100), Activation("softmax")]],
    ids=["one neuron", "small", "deep", "softmax"],
)
@pytest.mark.parametrize("rows", [1, 32, 240, 5000])
def test_forward_alone_needs_less_than_training(layers, rows):
    found = summary(Network(layers, 10), rows)
    assert 0 < found.forward_bytes < found.training_bytes


def test_training_keeps_what_a_forward_pass_may_forget():
    # In a forward pass two layers are alive at a time; the way back needs the outputs of all.
    rows = 200
    shallow, deep = (summary(Network([*DEEP[: 2 * depth], Dense(1)], 32), rows) for depth in (2, 6))
    assert deep.forward_bytes < 1.2 * shallow.forward_bytes
    # Four more layers of 32 numbers of 4 bytes a row.
    assert deep.training_bytes - shallow.training_bytes >= 4 * 32 * 4 * rows


@pytest.mark.parametrize("rows", [7, 64])
def test_it_is_the_memory_that_compiled_code_takes(rows):
    network = Network([Dense(16), Activation("tanh"), Dense(2)], 5)
    found = summary(network, rows)
    forward = function(network.inputs, network.output())
    program = forward._run.program
    assert found.forward_bytes == program.arena_bytes(program.capacity(rows))

    loss = MeanSquaredError()
    target = loss.target_placeholder(2)
    value = loss(network.output(), target)
    rate = placeholder((), "float32", "rate")
    parameters = network.parameters
    slopes = gradients(value, parameters)
    updates = tuple((p, p - dp * rate) for p, dp in zip(parameters, slopes))
    data = {network.inputs[0]: np.ones((rows, 5)), target: np.zeros((rows, 2))}
    graph = Graph((*network.inputs, target, rate), (value,), updates)
    steps = Minibatches(graph, data, rows, backend="native")._steps
    # Sixty-four bytes more, to begin at a cache line.
    assert found.training_bytes == steps._space.arena.nbytes - 64


def test_what_cannot_be_trained_has_a_forward_pass():
    found = summary(Network([Dense(3), Activation("step"), Dense(1)], 2))
    assert found.training_bytes is None
    assert str(found).endswith("training step  cannot be trained")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (3 * 2**40, "3,072.0 GiB"),
    ],
)
def test_sizes_in_words(count, text):
    assert size(count) == text


@pytest.mark.parametrize("rows", [0, -1, 2.5, "many", None, True])
def test_rows_that_are_refused(rows):
    with pytest.raises(SettingError, match=r"summary.rows: .*a whole number from 1"):
        summary(Network(LAYERS, 4), rows)
