"""The chain rule, graph in and graph out."""

from quickprop.autodiff.gradients import gradients

__all__ = ["gradients"]
