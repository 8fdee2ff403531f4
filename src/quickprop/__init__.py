"""quickprop: neural networks, compiled. From a table to a trusted network, on the CPU you have.

    import quickprop

    model = quickprop.fit("houses.csv", target="price")
    model.predict("new_houses.csv")

Names are loaded when they are first used, so that importing the package stays quick. They are
listed once, in the stub beside this file.
"""

from quickprop.foundation.lazy_exports import lazy_exports
from quickprop.foundation.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
