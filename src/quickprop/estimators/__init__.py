"""The face that scikit-learn's users know: its estimators, compiled.

Names are loaded when they are first used: a worker that is sent one estimator loads no other.
"""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
