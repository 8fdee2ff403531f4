"""Famous networks: their parameters counted, their shapes, and one row through them."""

import math
import pickle

import numpy as np
import pytest

from quickprop.errors import SettingError, ShapeError
from quickprop.foundation.settings import from_document
from quickprop.losses import CrossEntropy, Heads
from quickprop.nn import Concatenate, Input, Network
from quickprop.train import fit
from quickprop.zoo import Inception, googlenet, lenet5
from quickprop.zoo.googlenet import MODULES

#: Table 1 of Szegedy et al. 2014: place, rows of its result, parameters in K as printed there.
TABLE = {
    "conv1": ((112, 112, 64), 2.7),
    "pool1": ((56, 56, 64), 0),
    "conv2": ((56, 56, 192), 112),
    "pool2": ((28, 28, 192), 0),
    "3a": ((28, 28, 256), 159),
    "3b": ((28, 28, 480), 380),
    "pool3": ((14, 14, 480), 0),
    "4a": ((14, 14, 512), 364),
    "4b": ((14, 14, 512), 437),
    "4c": ((14, 14, 512), 463),
    "4d": ((14, 14, 528), 580),
    "4e": ((14, 14, 832), 840),
    "pool4": ((7, 7, 832), 0),
    "5a": ((7, 7, 832), 1072),
    "5b": ((7, 7, 1024), 1388),
    "average": ((1024,), 0),
    "linear": ((1000,), 1000),
}
#: Weights that follow from the filters of the same table, biases left out: the sum over the
#: convolutions of a block of size**2 * channels * filters.
WEIGHTS = {
    "conv1": 7 * 7 * 3 * 64,
    "conv2": 64 * 64 + 9 * 64 * 192,
    "3a": 192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32,
    "3b": 256 * (128 + 128 + 32 + 64) + 9 * 128 * 192 + 25 * 32 * 96,
    "4a": 480 * (192 + 96 + 16 + 64) + 9 * 96 * 208 + 25 * 16 * 48,
    "4b": 512 * (160 + 112 + 24 + 64) + 9 * 112 * 224 + 25 * 24 * 64,
    "4c": 512 * (128 + 128 + 24 + 64) + 9 * 128 * 256 + 25 * 24 * 64,
    "4d": 512 * (112 + 144 + 32 + 64) + 9 * 144 * 288 + 25 * 32 * 64,
    "4e": 528 * (256 + 160 + 32 + 128) + 9 * 160 * 320 + 25 * 32 * 128,
    "5a": 832 * (256 + 160 + 32 + 128) + 9 * 160 * 320 + 25 * 32 * 128,
    "5b": 832 * (384 + 192 + 48 + 128) + 9 * 192 * 384 + 25 * 48 * 128,
    "linear": 1024 * 1000,
}
#: What the printed number is, with K = 1024 and biases left out. Where it is another one than the
#: widths printed in the same row give, no rounding and no counting of biases leads there: the
#: difference is what is asserted, in K.
PRINTED = {
    "conv2": 0,  # 114,688 = 112 K
    "3a": 0,  # 163,328 = 159.5 K
    "linear": 0,  # 1,024,000 = 1000 K
    "3b": -1,  # 388,096 = 379 K
    "4b": 1,  # 448,512 = 438 K
    "4a": 2,  # 375,552 = 366.75 K
    "4c": 34,  # 509,440 = 497.5 K
    "4d": 10,  # 604,672 = 590.5 K
    "4e": 7,  # 867,328 = 847 K
    "5a": -54,  # 1,042,432 = 1018 K
    "5b": 21,  # 1,442,816 = 1409 K
    "conv1": 7,  # 9,408 = 9.19 K
}


@pytest.fixture(scope="module")
def network():
    return googlenet()


def block(network, name):
    """The layers of a row of the table."""
    return [
        layer
        for layer in network.layers
        if layer.name.split(".")[0] in (name, f"{name}_reduce", f"{name}_relu")
    ]


def weights(layers):
    return sum(layer.parameters["weight"].value.size for layer in layers if layer.specs)


@pytest.mark.parametrize("name", TABLE)
def test_googlenet_has_the_shapes_of_table_1(network, name):
    assert block(network, name)[-1].output_shape == TABLE[name][0]


@pytest.mark.parametrize("name", WEIGHTS)
def test_googlenet_has_the_parameters_of_table_1(network, name):
    assert weights(block(network, name)) == WEIGHTS[name]
    # The paper rounds down: 159.5 K are printed as 159 K.
    assert WEIGHTS[name] // 1024 - math.floor(TABLE[name][1]) == PRINTED[name]


def test_all_parameters_of_googlenet(network):
    biases = 64 + 64 + 192 + 1000  # conv1, conv2_reduce, conv2, linear
    for module in MODULES.values():
        if isinstance(module, Inception):
            biases += sum(vars(module).values())
    assert biases == 8_280
    assert sum(WEIGHTS.values()) == 6_990_272
    assert network.parameter_count == 6_990_272 + 8_280


def test_googlenet_is_22_layers_deep(network):
    # The longest way through layers with parameters: an Inception module counts two.
    depth = {"image": 0}
    for layer in network.layers:
        depth[layer.name] = max(depth[name] for name in layer.sources) + bool(layer.specs)
    assert max(depth.values()) == 22


def test_a_row_through_googlenet_gives_probabilities(network):
    image = np.random.default_rng(0).uniform(size=(1, 224, 224, 3)).astype("float32")
    (row,) = network.predict(image, backend="native")
    assert row.shape == (1000,)
    assert row.sum() == pytest.approx(1.0, abs=1e-5)
    assert row.min() > 0


def test_small_googlenet_is_the_same_compiled():
    network = googlenet(5, (32, 32, 1), dtype="float64", seed=3)
    images = np.random.default_rng(1).normal(size=(2, 32, 32, 1))
    expected = network.predict(images, backend="reference")
    np.testing.assert_allclose(network.predict(images, backend="native"), expected, 1e-11)
    again = pickle.loads(pickle.dumps(network))
    assert (again.predict(images, backend="reference") == expected).all()


def test_googlenet_with_the_classifiers_at_half_way():
    network = googlenet(7, (96, 96, 3), auxiliary=True)
    image = np.random.default_rng(0).uniform(size=(2, 96, 96, 3)).astype("float32")
    results = network.predict(image, backend="native")
    assert [result.shape for result in results] == [(2, 7)] * 3
    assert Heads((CrossEntropy(),) * 3, (7,) * 3, (1.0, 0.3, 0.3)).width == sum(network.widths)
    # At 224 x 224 the paper has 4 x 4 x 512 and 4 x 4 x 528 behind their poolings.
    full = {layer.name: layer for layer in googlenet(auxiliary=True).layers}
    assert full["average_4a"].output_shape == (4, 4, 512)
    assert full["average_4d"].output_shape == (4, 4, 528)


def test_inception_is_drawn_from_the_layers():
    x = Input((6, 5, 3))
    network = Network(Inception(2, 3, 4, 1, 2, 5)(x, name="block"), dtype="float64")
    names = [layer.name for layer in network.layers]
    assert names[-1] == "block.joined"
    assert all(name.startswith("block.") for name in names)
    # 1x1: 3*2+2, 3*3+3, 3*1+1, 3*5+5; 3x3: 9*3*4+4; 5x5: 25*1*2+2
    assert network.parameter_count == 8 + 12 + 4 + 20 + 112 + 52
    assert network.layers[-1].output_shape == (6, 5, 2 + 4 + 2 + 5)
    assert isinstance(network.layers[-1].layer, Concatenate)


def test_inception_is_frozen_and_survives_its_document():
    block = Inception(64, 96, 128, 16, 32, 32)
    again = from_document(block.to_document(), {"Inception": Inception}, "block")
    assert again == block
    with pytest.raises(SettingError, match=r"Inception.five: .*at least|Inception.five: .*from 1"):
        Inception(64, 96, 128, 16, 0, 32)


def test_layers_in_a_row_may_have_a_block_among_them():
    network = Network([Inception(1, 1, 1, 1, 1, 1), Inception(2, 2, 2, 2, 2, 2)], (4, 4, 1))
    assert network.layers[-1].output_shape == (4, 4, 8)
    image = np.ones((1, 4, 4, 1), "float32")
    again = pickle.loads(pickle.dumps(network))
    expected = network.predict(image, backend="reference")
    assert (again.predict(image, backend="reference") == expected).all()


def test_lenet5_has_the_widths_of_the_paper():
    network = lenet5()
    shapes = [layer.output_shape for layer in network.layers if layer.specs]
    assert shapes == [(28, 28, 6), (10, 10, 16), (120,), (84,), (10,)]
    # 5*5*6+6, 5*5*6*16+16, 400*120+120, 120*84+84, 84*10+10
    assert [layer.parameter_count for layer in network.layers if layer.specs] == [
        156, 2416, 48120, 10164, 850,
    ]  # fmt: skip
    assert network.parameter_count == 61_706


def test_lenet5_learns_to_tell_stripes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    stripes = np.sin(np.arange(28))[:, None] * np.ones(28)
    images = np.where(labels[:, None, None] == 0, stripes, stripes.T)[..., None]
    images = (images + rng.normal(0, 0.5, images.shape)).astype("float32")
    network = lenet5(2)
    fit(network, images, labels, loss=CrossEntropy(), epochs=5, batch_size=16)
    assert (network.predict(images).argmax(1) == labels).mean() > 0.95


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: googlenet(0), r"Dense.width: .*given: 0"),
        (lambda: googlenet(shape=(224, 224)), r"conv1: Conv2D needs other rows"),
        (lambda: googlenet(shape=(224, 0, 3)), r"Input.shape"),
        (lambda: googlenet(shape=(16, 16, 3), auxiliary=True), "a window is longer"),
        (lambda: lenet5(shape=(8, 8, 1)), r"conv2d2: a window is longer than what it slides over"),
        (lambda: lenet5("ten"), r"Dense.width: .*given: 'ten'"),
        (lambda: lenet5(dtype="float16"), "float16"),
        (lambda: Network(Inception(1, 1, 1, 1, 1, 1)(Input((4, 4, 1)), Input((4, 4, 1), "b"))),
         "Inception: this layer reads one other .*1; given: 2"),
    ],
)  # fmt: skip
def test_wrong_settings_of_the_zoo(make, message):
    with pytest.raises((SettingError, ShapeError, ValueError), match=message):
        make()
