"""LeNet-5."""

from __future__ import annotations

from quickprop.config import DType
from quickprop.nn import Activation, Conv2D, Dense, Flatten, MaxPool2D, Network


def lenet5(
    classes: int = 10,
    shape: tuple[int, int, int] = (28, 28, 1),
    *,
    seed: int = 0,
    dtype: DType | str = DType.float32,
) -> Network:
    """LeNet-5 for images of digits, in the form it is trained in today (LeCun et al. 1998).

    Its layers and widths are the paper's: 6 and 16 filters of 5 x 5, then 120, 84 and the classes.
    As usual today it has relu for the scaled tanh, max pooling for the averages with learned
    scales, every filter of the second convolution sees all six maps, and the end is a softmax and
    not radial units. 61,706 parameters for 28 x 28 digits, which are padded to the paper's
    32 x 32.

    Parameters
    ----------
    classes : int
    shape : tuple of int
        Height, width and channels of an image.
    seed : int
        Of the starting weights.
    dtype : {"float32", "float64"}

    Returns
    -------
    Network
        Its output are the probabilities of the classes.

    Examples
    --------
    >>> from quickprop.zoo import lenet5
    >>> lenet5().parameter_count
    61706
    """
    return Network(
        [
            Conv2D(6, 5, padding=2),
            Activation("relu"),
            MaxPool2D(2),
            Conv2D(16, 5),
            Activation("relu"),
            MaxPool2D(2),
            Flatten(),
            Dense(120),
            Activation("relu"),
            Dense(84),
            Activation("relu"),
            Dense(classes),
            Activation("softmax"),
        ],
        shape,
        seed=seed,
        dtype=dtype,
    )
