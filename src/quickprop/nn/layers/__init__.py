"""The kinds of layers, one file each. To load them all fills the registry `layer.LAYERS`."""

from quickprop.nn.layers import (  # noqa: F401
    activated,
    activation,
    attention,
    constant_neuron,
    convolution,
    dense,
    dropout,
    embedding,
    global_pooling,
    joins,
    layer,
    masks,
    noise,
    normalisation,
    pooling,
    positions,
    prelu,
    recurrent,
    shapes,
    transformer,
)
