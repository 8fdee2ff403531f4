"""Update rules and learning-rate schedules, written as graph. A new one is one class."""

from quickprop.foundation.lazy_exports import lazy_exports

# All modules at once: each puts its classes into the registry.
__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__, at_once=True)
