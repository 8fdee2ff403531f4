"""What training makes small.

Every loss is a mean over rows and target columns. Those for classes contain their own link
function, so that they work on raw outputs (logits) and stay finite for any size of them.
"""

from quickprop.nn.component import Component
from quickprop.nn.losses.cross_entropy import BinaryCrossEntropy, CrossEntropy
from quickprop.nn.losses.loss import Loss
from quickprop.nn.losses.regression import MeanSquaredError

LOSSES: dict[str, type[Component]] = {
    kind.__name__: kind for kind in (MeanSquaredError, CrossEntropy, BinaryCrossEntropy)
}

__all__ = ["LOSSES", "BinaryCrossEntropy", "CrossEntropy", "Loss", "MeanSquaredError"]
