"""Files and frames to matrices.

Names are loaded when they are first used: who needs no table is spared the package that reads them.
"""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
