"""What the package exports: one line a name, for type checkers and for `lazy_exports`."""

from .fit import (
    fit as fit,
)
