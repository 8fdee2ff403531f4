"""The face that scikit-learn's users know: its estimators, compiled.

Names are loaded when they are first used: a worker that is sent one estimator loads no other.
"""

from typing import TYPE_CHECKING

from quickprop.config import on_demand

_HOMES = {
    "quickprop.estimators.autoencoder": ("AutoencoderTransformer",),
    "quickprop.estimators.carried_from": ("from_sklearn",),
    "quickprop.estimators.classifier": ("MLPClassifier",),
    "quickprop.estimators.regressor": ("MLPRegressor",),
    "quickprop.estimators.watching": ("EpochReport",),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.estimators.autoencoder import AutoencoderTransformer as AutoencoderTransformer
    from quickprop.estimators.carried_from import from_sklearn as from_sklearn
    from quickprop.estimators.classifier import MLPClassifier as MLPClassifier
    from quickprop.estimators.regressor import MLPRegressor as MLPRegressor
    from quickprop.estimators.watching import EpochReport as EpochReport
