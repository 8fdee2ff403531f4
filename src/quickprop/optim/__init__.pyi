"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .adadelta import (
    Adadelta as Adadelta,
)
from .adagrad import (
    Adagrad as Adagrad,
)
from .adam import (
    Adam as Adam,
    AdamW as AdamW,
    AMSGrad as AMSGrad,
)
from .adamax import (
    AdaMax as AdaMax,
)
from .full_batch import (
    FULL_BATCH_METHODS as FULL_BATCH_METHODS,
    FullBatchMethod as FullBatchMethod,
)
from .lbfgs import (
    LBFGS as LBFGS,
)
from .levenberg_marquardt import (
    LevenbergMarquardt as LevenbergMarquardt,
)
from .linear_newton import (
    LinearNewton as LinearNewton,
)
from .lion import (
    Lion as Lion,
)
from .nadam import (
    NAdam as NAdam,
)
from .optimizer import (
    Optimizer as Optimizer,
    OPTIMIZERS as OPTIMIZERS,
    TRAINING_METHODS as TRAINING_METHODS,
)
from .plateau import (
    ReduceOnPlateau as ReduceOnPlateau,
)
from .quickprop import (
    Quickprop as Quickprop,
)
from .rmsprop import (
    RMSprop as RMSprop,
)
from .rprop import (
    Rprop as Rprop,
)
from .schedule import (
    EpochEnd as EpochEnd,
    Schedule as Schedule,
    SCHEDULES as SCHEDULES,
)
from .schedules import (
    Constant as Constant,
    Cosine as Cosine,
    CosineLog as CosineLog,
    ExponentialDecay as ExponentialDecay,
    FlatCosine as FlatCosine,
    FunctionOfStep as FunctionOfStep,
    InverseScaling as InverseScaling,
    OneCycle as OneCycle,
    StepDecay as StepDecay,
)
from .sgd import (
    SGD as SGD,
)
from .wrapped import (
    WarmUp as WarmUp,
    WithinBudget as WithinBudget,
)
