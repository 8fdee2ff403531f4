"""Graph to graph: the same values, less work."""

from quickprop.passes.pipeline import optimise

__all__ = ["optimise"]
