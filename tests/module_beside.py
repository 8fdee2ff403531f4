"""Scripts that stand beside a test, such as those that made its stored numbers, as modules."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def module_beside(test: str, name: str) -> ModuleType:
    """The module `name` in the folder of a test, which gives its ``__file__``."""
    spec = importlib.util.spec_from_file_location(name, Path(test).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
