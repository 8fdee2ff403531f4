"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .autoencoder import (
    Autoencoder as Autoencoder,
)
from .fitting import (
    fit as fit,
)
from .report import (
    FitReport as FitReport,
)
from .table_model import (
    load as load,
    TableModel as TableModel,
)
