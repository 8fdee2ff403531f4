"""The functions of `scipy.special`: programs that ask no distribution do without."""

from __future__ import annotations

from quickprop.foundation.lazy_module import LazyModule

special = LazyModule("scipy.special", "distributions")
