"""The face that scikit-learn's users know: its estimators, compiled."""

from quickprop.estimators.classifier import MLPClassifier
from quickprop.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
