"""The face that scikit-learn's users know: its estimators, compiled."""

from quickprop.estimators.autoencoder import AutoencoderTransformer
from quickprop.estimators.classifier import MLPClassifier
from quickprop.estimators.conversion import from_sklearn, to_sklearn
from quickprop.estimators.regressor import MLPRegressor
from quickprop.estimators.watching import EpochEnd

__all__ = [
    "AutoencoderTransformer",
    "EpochEnd",
    "MLPClassifier",
    "MLPRegressor",
    "from_sklearn",
    "to_sklearn",
]
