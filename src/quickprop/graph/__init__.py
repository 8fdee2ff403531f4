"""What is computed, as frozen data."""

from quickprop.graph.graph import Graph
from quickprop.graph.primitives import Op
from quickprop.graph.shape_rules import ROWS, Shape, show_shape
from quickprop.graph.template import GraphTemplate
from quickprop.graph.tensor import (
    Storage,
    Tensor,
    as_tensor,
    as_tensors,
    batch_matmul,
    binary,
    broadcast_shapes,
    broadcast_to,
    constant,
    make,
    matmul,
    placeholder,
    reshape,
    rewrite,
    row_count,
    variable,
    walk,
    with_inputs,
)

__all__ = [
    "ROWS",
    "Graph",
    "GraphTemplate",
    "Op",
    "Shape",
    "Storage",
    "Tensor",
    "as_tensor",
    "as_tensors",
    "batch_matmul",
    "binary",
    "broadcast_shapes",
    "broadcast_to",
    "constant",
    "make",
    "matmul",
    "placeholder",
    "reshape",
    "rewrite",
    "row_count",
    "show_shape",
    "variable",
    "walk",
    "with_inputs",
]
