"""What the commands do, each loaded when it runs."""

from quickprop.foundation.lazy_exports import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
