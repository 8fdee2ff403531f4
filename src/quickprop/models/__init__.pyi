"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .autoencoder import (
    Autoencoder as Autoencoder,
)
from .leaderboard import (
    Standing as Standing,
)
from .prepared import (
    prepare as prepare,
    Prepared as Prepared,
)
from .recipe import (
    Recipe as Recipe,
)
from .report import (
    FitReport as FitReport,
)
from .table_model import (
    load as load,
    TableModel as TableModel,
)
from .task import (
    Task as Task,
)
from .trained import (
    train_model as train_model,
    Trained as Trained,
)
