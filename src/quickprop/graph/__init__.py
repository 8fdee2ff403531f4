"""What is computed, as frozen data."""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
