"""The functions of `scipy.special`, which is loaded when the first of them is called."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np


class _Special:
    """To read a function of it loads the module: programs that ask no distribution do without."""

    def __getattr__(self, name: str) -> Callable[..., np.ndarray]:
        function: Callable[..., Any] = getattr(importlib.import_module("scipy.special"), name)
        setattr(self, name, function)
        return function


special = _Special()
