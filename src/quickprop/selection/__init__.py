"""The best model of a table: folds, members, ensembles, baselines, and a verdict.

Names are loaded when they are first used: a model that is read from its file needs no search.
"""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
