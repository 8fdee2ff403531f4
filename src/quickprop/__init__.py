"""quickprop: neural networks, compiled."""

__version__ = "0.1.0"
