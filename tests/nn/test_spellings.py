"""Activations, initializers and losses by the names that people know them by."""

import json

import numpy as np
import pytest

from quickprop.errors import SettingError
from quickprop.foundation.registry import Registry
from quickprop.foundation.settings import made_by_name
from quickprop.losses import LOSSES, CrossEntropy, Heads, MeanSquaredError
from quickprop.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    Activation,
    Conv1D,
    Conv2D,
    Dense,
    Flatten,
    HeNormal,
    Input,
    Network,
)
from quickprop.nn.architecture import Architecture, LayerSpec
from quickprop.optim import FULL_BATCH_METHODS, OPTIMIZERS, SCHEDULES, AdamW, Cosine
from quickprop.train import fit


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Relu", "relu"),
        ("ReLU", "relu"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("GELU", "gelu"),
        ("hard swish", "hard_swish"),
        ("linear", "identity"),
        ("logistic", "sigmoid"),
        ("Swish", "swish"),
        ("SiLU", "silu"),
        ("LogSoftmax", "log_softmax"),
    ],
)
def test_activations(given, name):
    assert Activation(given) == Activation(name)
    assert Dense(3, activation=given).activation == name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mse", "MeanSquaredError"),
        ("MSE", "MeanSquaredError"),
        ("mean_squared_error", "MeanSquaredError"),
        ("mae", "MeanAbsoluteError"),
        ("bce", "BinaryCrossEntropy"),
        ("binary_crossentropy", "BinaryCrossEntropy"),
        ("crossentropy", "CrossEntropy"),
        ("cross-entropy", "CrossEntropy"),
        ("categorical_crossentropy", "CrossEntropy"),
        ("huber", "Huber"),
        ("poisson", "PoissonLikelihood"),
        ("focal", "Focal"),
    ],
)
def test_losses(given, name):
    assert made_by_name(given, LOSSES) == LOSSES[name]()


def test_losses_where_they_are_taken():
    network = Network([Dense(2)], 3)
    rows, target = np.ones((2, 3)), np.zeros((2, 2))
    by_name = network.trace(rows, target, "mse").loss_value
    assert by_name == network.trace(rows, target, MeanSquaredError()).loss_value
    assert Heads(("mse", "crossentropy"), (1, 2)).losses == (MeanSquaredError(), CrossEntropy())
    with pytest.raises(SettingError, match=r"trace.loss: .*MeanSquaredError.*Did you mean 'Huber'"):
        network.trace(rows, target, "Hubert")


def test_initializers():
    assert Dense(3, initializer="he_normal").initializer == HeNormal()
    assert Dense(3, initializer="xavier") == Dense(3, initializer=INITIALIZERS["GlorotUniform"]())
    with pytest.raises(SettingError, match=r"Filled.value: a setting is missing"):
        Dense(3, initializer="filled")
    with pytest.raises(SettingError, match=r"Make one: HeNormal\(...\)"):
        Dense(3, initializer=HeNormal)


@pytest.mark.parametrize("registry", [ACTIVATIONS, LOSSES, INITIALIZERS], ids=len)
def test_no_name_means_two(registry):
    plain = [name.lower().replace("_", "") for name in registry]
    assert len(set(plain)) == len(plain)
    for name in registry:
        assert registry.meant(name) == name


def test_a_class_is_put_in_where_it_stands():
    everything = Registry()
    some = Registry(within=everything)

    @some.register("other")
    class Kind:
        pass

    assert dict(some) == dict(everything) == {"Kind": Kind}
    assert some.meant("OTHER") == everything.meant("kind") == "Kind"
    assert "other" not in some


LONG = [Conv1D(4, 3), Activation("relu"), Flatten(), Dense(3), Activation("softmax")]
SHORT = [Conv1D(4, 3, activation="relu"), Flatten(), Dense(3, activation="softmax")]


def test_a_layer_with_its_activation_is_two_layers():
    short, long = Network(SHORT, (9, 2), seed=5), Network(LONG, (9, 2), seed=5)
    assert short.structure_key == long.structure_key
    assert short.to_document() == long.to_document()
    for name, weight in long.weights().items():
        np.testing.assert_array_equal(short.weights()[name], weight)
    assert short.predict(np.ones((1, 9, 2))).sum() == pytest.approx(1.0)


def test_a_drawn_layer_with_its_activation():
    x = Input((4, 4, 1))
    h = Conv2D(2, 3, activation="tanh")(x, name="first")
    network = Network(Dense(1, activation="sigmoid")(Flatten()(h)))
    names = [layer.name for layer in network.layers]
    assert names == ["first", "first_tanh", "flatten1", "dense1", "activation1"]
    again = Network.from_document(json.loads(json.dumps(network.to_document())))
    assert again.structure_key == network.structure_key


def test_a_layer_of_its_own_has_its_activation_in_its_document():
    document = Dense(3, activation="ReLU").to_document()
    assert document["activation"] == "relu"
    assert "activation" not in Dense(3).to_document()
    network = Network([Dense(3)], 2).to_document()
    network["layers"] = [document]
    assert len(Network.from_document(network).layers) == 2


def test_an_architecture_keeps_the_two_apart():
    with pytest.raises(SettingError, match="dense1: a layer with its activation inside"):
        Architecture(
            (Input(2, "x"),),
            (LayerSpec(Dense(3, activation="relu"), "dense1", ("x",)),),
            ("dense1",),
        )


def test_a_fit_takes_names():
    rows, target = np.eye(3), np.zeros((3, 2))

    def losses(**settings):
        network = Network([Dense(2)], 3)
        return fit(network, rows, target, epochs=2, **settings).best_loss

    named = losses(loss="mse", optimizer="adamw", schedule="cosine")
    assert named == losses(loss=MeanSquaredError(), optimizer=AdamW(), schedule=Cosine())
    assert losses(loss="MSE", optimizer="lbfgs") >= 0.0


@pytest.mark.parametrize("registry", [OPTIMIZERS, SCHEDULES, FULL_BATCH_METHODS], ids=len)
def test_optimizers_and_schedules_are_registered(registry):
    for name, kind in registry.items():
        assert registry.meant(name.upper()) == name == kind.__name__
