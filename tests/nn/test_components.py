"""Parts by their settings: wrong ones said in words, right ones through documents and copies."""

import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quickprop.errors import QuickpropError, SettingError
from quickprop.foundation.settings import follows_from_settings, from_document
from quickprop.losses import (
    LOSSES,
    CrossEntropy,
    CustomLoss,
    Heads,
    MeanSquaredError,
)
from quickprop.nn import (
    LAYERS,
    LSTM,
    Activation,
    Add,
    Concatenate,
    ConstantNeuron,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalMaxPool,
    Input,
    Network,
)
from quickprop.nn import layers as layer_files
from quickprop.nn.initializers import INITIALIZERS
from quickprop.optim import FULL_BATCH_METHODS, OPTIMIZERS, SCHEDULES, Adam, Cosine, FunctionOfStep
from quickprop.train import fit
from quickprop.train.averaging import AVERAGING

REGISTRIES = (
    LAYERS, LOSSES, INITIALIZERS, OPTIMIZERS, FULL_BATCH_METHODS, SCHEDULES, AVERAGING,
)  # fmt: skip
KINDS = [(name, kinds) for kinds in REGISTRIES for name in kinds]
#: What must be given.
NEEDED = {
    "Activation": {"name": "relu"},
    "ParametricActivation": {"name": "relu"},
    "Bidirectional": {"layer": LSTM(2)},
    "Embedding": {"levels": (3, 4)},
    "Reshape": {"shape": (2, 3)},
    "Columns": {"places": (1, 0)},
    "WeightedMean": {"weights": (0.25, 0.75)},
    "MeanProbability": {"weights": (0.25, 0.75)},
    "Heads": {
        "losses": (MeanSquaredError(), CrossEntropy(class_weight=(1.0, 2.0))),
        "targets": (1, 2),
    },
}
X, Y = np.ones((3, 2)), np.ones((3, 1))


def made(name, kinds):
    required = [item for item in dataclasses.fields(kinds[name]) if not has_default(item)]
    return kinds[name](**{i.name: NEEDED.get(name, {}).get(i.name, 2) for i in required})


def has_default(item):
    return item.default is not dataclasses.MISSING


@pytest.mark.parametrize(("name", "kinds"), KINDS, ids=[name for name, _ in KINDS])
class TestPartContract:
    """What every part with settings must do."""

    def test_it_comes_back_from_its_document(self, name, kinds):
        part = made(name, kinds)
        document = json.loads(json.dumps(part.to_document()))
        assert from_document(document, kinds, "part") == part

    def test_copies_and_pickles_are_equal(self, name, kinds):
        part = made(name, kinds)
        for other in (copy.copy(part), copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
            assert other == part
            assert hash(other) == hash(part)

    def test_it_tells_its_settings(self, name, kinds):
        fields = [item.name for item in dataclasses.fields(kinds[name])]
        assert list(inspect.signature(kinds[name]).parameters) == fields

    def test_other_settings_are_refused_in_words(self, name, kinds):
        with pytest.raises(SettingError, match=f"{name}.colour: no such setting"):
            kinds[name](colour="red")
        with pytest.raises(SettingError, match=f"{name}: more settings than there are"):
            kinds[name](*range(99))

    @pytest.mark.parametrize("value", ["0.1x", np.nan, -np.inf, 1j, {}, Dense], ids=repr)
    def test_strange_values_are_refused_in_words(self, name, kinds, value):
        for item in dataclasses.fields(kinds[name]):
            with pytest.raises(SettingError, match=rf"{name}\.{item.name}: a setting outside"):
                dataclasses.replace(made(name, kinds), **{item.name: value})


def learn(network=None, **settings):
    network = network or Network([Dense(1)], 2)
    return fit(network, X, Y, **{"loss": MeanSquaredError(), "epochs": 1, **settings})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Adam(lr=0.1), "Adam.lr: no such setting .allowed: learning_rate, beta1"),
        (lambda: Dropout(rat=0.1), "Did you mean 'rate'"),
        (lambda: Dense(), "Dense.width: a setting is missing .allowed: a whole number"),
        (lambda: Activation("leaky_rel"), "Did you mean 'leaky_relu'"),
        (lambda: Adam(-0.1), "Adam.learning_rate.*above 0; given: -0.1"),
        (lambda: Network([Dense], 2), r"not a layer.*Make one: Dense\(...\)"),
        (lambda: Network([Dense(1), "relu"], 2), r"not a layer.*Write Activation\('relu'\)"),
        (lambda: Network([Dense(1)], (2, 2)), r"dense1: Dense needs rows.*Put a Flatten\(\)"),
        (lambda: Network([ConstantNeuron()], (2, 2)), r"constantneuron1.*Put a Flatten\(\)"),
        (lambda: Network([GlobalMaxPool()], 2), "a vector has no places"),
        (lambda: Network([Conv2D(1, 9), Flatten()], (5, 5, 1)), "longer than what it slides"),
        (lambda: Network([Embedding((3,))], (2, 2)), r"category codes.*allowed: \(columns,\)"),
        (lambda: Network(Add()(Input(2, "a"), Input(3, "b"))), "add1: Add needs rows of one"),
        (lambda: Network(Concatenate()(Input(2), Input(3))), "two parts of a network have one"),
        (lambda: Dense(2)(X), "First draw the input: x = Input"),
        (lambda: learn(optimizer=Adam), r"not an optimizer.*Make one: Adam\(\)"),
        (lambda: learn(optimizer="rms_prob"), r"not an optimizer.*Make one: RMSprop\(\)"),
        (lambda: learn(schedule=Cosine), r"not a schedule.*Make one: Cosine\(\)"),
        (lambda: learn(loss="mean_squared_eror"), r"not a loss.*Make one: MeanSquaredError\(\)"),
        (lambda: learn(Network([Activation("tanh")], 2)), "nothing to learn.*layer with weights"),
        (lambda: learn(loss=CustomLoss(lambda o: o)), "CustomLoss.function.*for 2 arguments"),
        (lambda: learn(loss=CustomLoss(lambda o, t: abs(o - t))), "TypeError: bad operand"),
        (lambda: learn(loss=CustomLoss(lambda o, t: o if o > 0 else t)), "no truth value"),
        (lambda: learn(schedule=FunctionOfStep(lambda b: b)), "FunctionOfStep.function.*2 arg"),
        (lambda: Heads((MeanSquaredError(),), (1, 2)), "Heads.targets: not one for each head"),
    ],
)
def test_wrong_use_is_said_in_words(wrong, message):
    with pytest.raises(QuickpropError, match=message):
        wrong()


@dataclasses.dataclass(frozen=True)
class OwnLoss(MeanSquaredError):
    """A kind that is not of quickprop."""


def test_what_follows_from_settings_alone():
    inner = Heads((MeanSquaredError(), CrossEntropy(class_weight=(1.0, 2.0))), (1, 2))
    for part in (Dense(3), Dense(3, initializer=INITIALIZERS["HeNormal"]()), inner, Adam()):
        assert follows_from_settings(part)
    function = CustomLoss(lambda output, target: output - target)
    for part in (OwnLoss(), function, Heads((MeanSquaredError(), OwnLoss()), (1, 1))):
        assert not follows_from_settings(part)


def test_loading_the_layers_fills_the_registry():
    """A file of a model is read by whoever has made no layer yet."""
    code = "from quickprop.nn.documents import LAYERS; print(*sorted(LAYERS))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    folder = Path(layer_files.__file__).parent
    for path in folder.glob("*.py"):
        importlib.import_module(f"quickprop.nn.layers.{path.stem}")
    ours = {name for name, kind in LAYERS.items() if kind.__module__.startswith("quickprop.")}
    assert set(found) == ours
