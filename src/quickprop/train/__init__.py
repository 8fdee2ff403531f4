"""The loop over epochs: deadline, Ctrl-C, early stopping, best weights, history, checkpoints.

Names are loaded when they are first used: estimators have a loop of their own.
"""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
