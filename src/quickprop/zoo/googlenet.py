"""GoogLeNet."""

from __future__ import annotations

from quickprop.config import DType
from quickprop.nn import (
    Activation,
    AveragePool2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Input,
    LocalResponseNorm,
    MaxPool2D,
    Network,
    Node,
    Normal,
)
from quickprop.zoo.inception import Inception, convolved

#: Of the weights of the classifiers. They read a thousand numbers, which would give raw outputs of
#: several units at once, and a loss far above the ln(classes) of knowing nothing; as small as these
#: they begin there (as Goyal et al. 2017, section 5.1, do for the same reason).
HEAD = Normal(deviation=0.001)

#: The Inception modules of table 1 by their names, with the poolings between.
MODULES: dict[str, Inception | MaxPool2D] = {
    "3a": Inception(64, 96, 128, 16, 32, 32),
    "3b": Inception(128, 128, 192, 32, 96, 64),
    "pool3": MaxPool2D(3, stride=2, padding="same"),
    "4a": Inception(192, 96, 208, 16, 48, 64),
    "4b": Inception(160, 112, 224, 24, 64, 64),
    "4c": Inception(128, 128, 256, 24, 64, 64),
    "4d": Inception(112, 144, 288, 32, 64, 64),
    "4e": Inception(256, 160, 320, 32, 128, 128),
    "pool4": MaxPool2D(3, stride=2, padding="same"),
    "5a": Inception(256, 160, 320, 32, 128, 128),
    "5b": Inception(384, 192, 384, 48, 128, 128),
}


def googlenet(
    classes: int = 1000,
    shape: tuple[int, int, int] = (224, 224, 3),
    *,
    auxiliary: bool = False,
    seed: int = 0,
    dtype: DType | str = DType.float32,
) -> Network:
    """GoogLeNet, 22 layers deep: nine Inception modules (Szegedy et al. 2014, table 1).

    6,998,552 parameters for 1000 classes: 6,990,272 weights and 8,280 biases. It has starting
    weights and is not trained.

    Parameters
    ----------
    classes : int
    shape : tuple of int
        Height, width and channels of an image. The result is averaged over whatever height and
        width are left at the end: 7 x 7 of 224 x 224.
    auxiliary : bool
        For training as in the paper's section 5: two more classifiers on top of 4a and 4d, whose
        losses help the gradients of the first half along. All three outputs are then raw, without
        the softmax, as ``Heads([CrossEntropy()] * 3, [classes] * 3, [1, 0.3, 0.3])`` takes them.
        Images need to be at least 80 x 80 or so.
    seed : int
        Of the starting weights.
    dtype : {"float32", "float64"}

    Returns
    -------
    Network
        Its output are the probabilities of the classes; with `auxiliary`, three raw outputs.

    Examples
    --------
    >>> from quickprop.zoo import googlenet
    >>> googlenet(classes=10, shape=(64, 64, 3)).width
    10
    """
    image = Input(shape, "image")
    x = convolved(image, 64, 7, "conv1", stride=2)
    x = MaxPool2D(3, stride=2, padding="same")(x, name="pool1")
    x = LocalResponseNorm()(x, name="norm1")
    x = convolved(x, 64, 1, "conv2_reduce")
    x = convolved(x, 192, 3, "conv2")
    x = LocalResponseNorm()(x, name="norm2")
    x = MaxPool2D(3, stride=2, padding="same")(x, name="pool2")
    places: dict[str, Node] = {}
    for name, module in MODULES.items():
        x = places[name] = module(x, name=name)
    x = GlobalAveragePool()(x, name="average")
    x = Dense(classes, initializer=HEAD)(Dropout(0.4)(x, name="dropout"), name="linear")
    if not auxiliary:
        return Network(Activation("softmax")(x, name="softmax"), seed=seed, dtype=dtype)
    outputs = [x, *(_auxiliary(places[name], classes, name) for name in ("4a", "4d"))]
    return Network(outputs, seed=seed, dtype=dtype)


def _auxiliary(x: Node, classes: int, place: str) -> Node:
    """The paper's classifier at half way: section 5."""
    after = f"_{place}"
    x = AveragePool2D(5, stride=3)(x, name=f"average{after}")
    x = convolved(x, 128, 1, f"reduce{after}")
    x = Dense(1024)(Flatten()(x, name=f"flat{after}"), name=f"hidden{after}")
    x = Dropout(0.7)(Activation("relu")(x, name=f"hidden{after}_relu"), name=f"dropout{after}")
    return Dense(classes, initializer=HEAD)(x, name=f"linear{after}")
