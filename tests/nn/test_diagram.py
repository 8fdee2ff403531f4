"""The picture of a network: what is in it, and that it is well-formed whatever the names."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from quickprop.errors import DataFileError, SettingError
from quickprop.nn import (
    Activation,
    ConstantNeuron,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Network,
)
from quickprop.nn.diagram import NEGATIVE, POSITIVE, diagram
from quickprop.nn.layers.layer import Layer
from quickprop.nn.node import Input

SVG = "{http://www.w3.org/2000/svg}"


def elements(network):
    return ElementTree.fromstring(diagram(network).svg)


def synapses(root):
    """What each line ties, its colour and width."""
    found = {}
    for path in root.iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None:
            ends, weight = title.text.rsplit(": ", 1)
            width = float(path.get("stroke-width"))
            found[ends] = (float(weight), path.get("stroke"), width)
    return found


def words(root):
    return [text.text for text in root.iter(f"{SVG}text")]


def two_two_one(**settings):
    network = Network(
        [Dense(2), Activation("sigmoid"), Dense(1), Activation("tanh")], 2, **settings
    )
    network.set_weights(
        {
            "dense1.weight": [[2, -1], [1, 0]],
            "dense1.bias": [-4, 0.5],
            "dense2.weight": [[1], [-2]],
            "dense2.bias": [0.5],
        }
    )
    return network


def test_every_synapse_has_its_colour_and_width():
    found = synapses(elements(two_two_one(input_names=["age", "height"])))
    # The widest of a layer is that of its greatest weight, 0.6 + 3.9; the others in proportion.
    assert found == {
        "age to dense1 neuron 0": (2, POSITIVE, 2.55),
        "age to dense1 neuron 1": (-1, NEGATIVE, pytest.approx(1.575, abs=0.01)),
        "height to dense1 neuron 0": (1, POSITIVE, pytest.approx(1.575, abs=0.01)),
        "height to dense1 neuron 1": (0, POSITIVE, 0.6),
        "bias to dense1 neuron 0": (-4, NEGATIVE, 4.5),
        "bias to dense1 neuron 1": (0.5, POSITIVE, pytest.approx(1.0875, abs=0.01)),
        "dense1 neuron 0 to dense2 neuron 0": (1, POSITIVE, 2.55),
        "dense1 neuron 1 to dense2 neuron 0": (-2, NEGATIVE, 4.5),
        "bias to dense2 neuron 0": (0.5, POSITIVE, pytest.approx(1.575, abs=0.01)),
    }


def test_names_and_numbers_stand_beside_them():
    found = words(elements(two_two_one(input_names=["age", "height"])))
    for word in ("inputs", "age", "height", "bias", "dense1", "sigmoid", "dense2", "tanh"):
        assert word in found
    # The weights of so small a network are written out, on a white ground.
    assert found.count("-4.00") == 2


def test_wide_layers_are_folded():
    root = elements(Network([Dense(64), Activation("relu"), Dropout(0.2), Dense(12)], 30))
    found = words(root)
    assert "… 52 more" in found
    assert "… 18 more" in found
    assert "relu, Dropout" in found
    assert "x9" in found
    assert "x10" not in found
    assert "x30" in found
    # 12 of 30 inputs, 12 of 64 neurons, all 12 of the last layer, and two that always give 1.
    assert len(list(root.iter(f"{SVG}circle"))) == 12 + 12 + 12 + 2
    assert len(synapses(root)) == 2 * (12 + 1) * 12


def test_a_network_without_biases_has_no_neuron_for_them():
    root = elements(Network([ConstantNeuron(), Dense(2, bias=False)], 3))
    assert "bias" not in words(root)
    assert "constantneuron1, always 1 to dense1 neuron 0" in synapses(root)
    assert len(list(root.iter(f"{SVG}circle"))) == 3 + 4 + 2


class Plus(Layer):
    """The sum of two layers."""

    def parameter_specs(self, shapes):
        return ()

    def result_shape(self, shapes):
        return shapes[0]

    def apply(self, sources, parameters, context):
        return sources[0] + sources[1]


def test_branches_and_skips():
    x = Input(3, name="signal")
    h = Activation("relu")(Dense(3)(x))
    total = Plus()(Dense(3)(h), x)
    root = elements(Network([Dense(1)(total, name="end"), Dense(1)(x, name="side")]))
    assert {"signal", "plus1", "end", "side"} <= set(words(root))
    assert {"plus1[2] to end neuron 0", "x2 to side neuron 0"} <= set(synapses(root))
    # An arrow out of each of the two ends.
    assert sum("l6 4l-6 4" in path.get("d") for path in root.iter(f"{SVG}path")) == 2


def test_images_stand_as_boxes():
    image = Network(Activation("relu")(Input((8, 6, 1), name="image")))
    assert "8 x 6 x 1" in words(elements(image))
    assert "weight above 0" not in words(elements(image))
    # A convolution is no note beside the layer before it, even when it keeps the shape.
    x = Activation("relu")(Conv2D(3, 1)(Conv2D(3, 1)(Input((4, 4, 1)))))
    found = words(elements(Network(Dense(2)(Flatten()(x)))))
    assert {"conv2d1", "conv2d2", "relu", "flatten1", "… 36 more"} <= set(found)


def test_categories():
    with_codes = Network([Dense(1)], 0, (3, 4))
    assert "categories[1]" in words(elements(with_codes))
    assert "embedding 0[0] to dense1 neuron 0" in synapses(elements(with_codes))


HOSTILE = ["<b>&\"'</b>", "]]>", "\x00\x07\x1b", "\ud800", "\ufffe", "a" * 5000, "naïve · 温度"]


def test_any_name_is_well_formed():
    network = Network([Dense(1)], len(HOSTILE), input_names=HOSTILE)
    found = words(elements(network))
    assert "<b>&\"'</b>" in found
    assert "]]>" in found
    assert "a" * 19 + "…" in found
    assert diagram(network).svg.encode("utf-8")


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e300, -1e-300])
def test_any_weight_can_be_drawn(value):
    network = Network([Dense(2)], 2, dtype="float64")
    network.set_weights({name: np.full(w.shape, value) for name, w in network.weights().items()})
    text = diagram(network).svg
    ElementTree.fromstring(text)
    assert not re.search(r'(width|d|opacity)="[^"]*(nan|inf)', text)


def test_it_renders_in_notebooks_and_is_saved(tmp_path):
    picture = diagram(two_two_one())
    assert picture._repr_svg_() == picture.svg
    path = picture.save(tmp_path / "network.svg")
    assert path.read_text(encoding="utf-8") == picture.svg
    assert re.fullmatch(r"<Diagram: [\d,]+ characters of SVG>", repr(picture))
    with pytest.raises(dataclasses.FrozenInstanceError):
        picture.svg = ""
    with pytest.raises(SettingError, match=r"a path that ends in \.svg"):
        picture.save(tmp_path / "network.png")
    with pytest.raises(SettingError, match=r"Diagram\.save"):
        picture.save(None)
    with pytest.raises(DataFileError, match="cannot be written"):
        picture.save(tmp_path / "nowhere" / "network.svg")


def test_the_same_network_gives_the_same_picture():
    assert diagram(two_two_one()).svg == diagram(two_two_one()).svg
