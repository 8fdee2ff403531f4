"""A trained network with its preprocessing, as one thing.

Names are loaded when they are first used: a model that is read from its file needs no training.
"""

from typing import TYPE_CHECKING

from quickprop.config import on_demand

_HOMES = {
    "quickprop.models.autoencoder": ("Autoencoder",),
    "quickprop.models.fitting": ("fit",),
    "quickprop.models.report": ("FitReport",),
    "quickprop.models.table_model": ("TableModel", "load"),
}

__all__ = sorted(name for names in _HOMES.values() for name in names)

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.models.autoencoder import Autoencoder as Autoencoder
    from quickprop.models.fitting import fit as fit
    from quickprop.models.report import FitReport as FitReport
    from quickprop.models.table_model import TableModel as TableModel
    from quickprop.models.table_model import load as load
