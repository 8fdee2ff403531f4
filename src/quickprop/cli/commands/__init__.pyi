"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .evaluate import (
    evaluate_model as evaluate_model,
)
from .demo import (
    show_demo as show_demo,
)
from .fit import (
    fit_table as fit_table,
    SearchOptions as SearchOptions,
)
from .predict import (
    predict_table as predict_table,
)
