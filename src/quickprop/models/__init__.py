"""A trained network with its preprocessing, as one thing."""

from quickprop.models.autoencoder import Autoencoder
from quickprop.models.fitting import fit
from quickprop.models.report import FitReport
from quickprop.models.table_model import TableModel

load = TableModel.load

__all__ = ["Autoencoder", "FitReport", "TableModel", "fit", "load"]
