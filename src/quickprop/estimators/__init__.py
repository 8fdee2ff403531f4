"""The face that scikit-learn's users know: its estimators, compiled."""

from quickprop.estimators.autoencoder import AutoencoderTransformer
from quickprop.estimators.classifier import MLPClassifier
from quickprop.estimators.from_sklearn import from_sklearn
from quickprop.estimators.regressor import MLPRegressor
from quickprop.estimators.watching import EpochReport

__all__ = [
    "AutoencoderTransformer",
    "EpochReport",
    "MLPClassifier",
    "MLPRegressor",
    "from_sklearn",
]
