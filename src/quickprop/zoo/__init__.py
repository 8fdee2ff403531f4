"""Networks that made history, built from the layers."""

from quickprop.zoo.googlenet import googlenet
from quickprop.zoo.inception import Inception
from quickprop.zoo.lenet import lenet5

__all__ = ["Inception", "googlenet", "lenet5"]
