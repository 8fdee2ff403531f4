"""Layers, activations, initializers, and the network made of them.

Names are loaded when they are first used: most programs never draw a network.
"""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
