"""What training makes small.

Every loss is a mean over rows and target columns. Those for classes contain their own link
function, so that they work on raw outputs (logits) and stay finite for any size of them.
"""

from quickprop.foundation.lazy_exports import lazy_exports

# All modules at once: each puts its classes into the registry.
__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__, at_once=True)
