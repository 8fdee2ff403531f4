"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .autoencoder import (
    AutoencoderTransformer as AutoencoderTransformer,
)
from .conversion import (
    from_sklearn as from_sklearn,
)
from .classifier import (
    MLPClassifier as MLPClassifier,
)
from .regressor import (
    MLPRegressor as MLPRegressor,
)
from .callbacks import (
    EpochReport as EpochReport,
)
