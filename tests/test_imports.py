"""The doors between the rooms open one way, and importing the package is light."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import quickprop

SOURCE = Path(quickprop.__file__).parent
#: A room may import from itself and from those before it.
ORDER = (
    "errors", "config", "graph", "ops", "autodiff", "passes", "native", "execution", "nn", "zoo",
    "optim", "train", "data", "models", "estimators", "cli", "__main__",
)  # fmt: skip
HEAVY = ("sklearn", "scipy", "polars", "pandas", "rich", "typer", "llvmlite", "safetensors")
FILES = sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[tuple[ast.AST, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
            found += [(node, name) for name in (names if base == "quickprop" else [base])]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path):
    if path == SOURCE / "__init__.py":
        return  # The table of public names points everywhere; it loads them when they are used.
    mine = ORDER.index(room(path))
    for _, name in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "quickprop" or len(parts) == 1 or parts[1] == "__version__":
            continue
        assert parts[1] in ORDER, f"{name}: an unknown room"
        assert ORDER.index(parts[1]) <= mine, f"{path.name} imports {name}, a room below it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_import_inside_a_function(path: Path):
    if path == SOURCE / "__main__.py":
        return  # It catches Ctrl-C while the packages load, which can only be done from within.
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not imports(node), f"{path.name}: {node.name} imports inside"


def test_import_is_light():
    code = "import quickprop, sys; print([m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_seen_by_type_checkers():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            # Registries and what has a common name stay in their rooms.
            seen |= set(importlib.import_module(str(node.module)).__all__) & set(quickprop.__all__)
        elif isinstance(node, ast.ImportFrom):
            seen |= {alias.asname for alias in node.names if alias.asname}
    assert seen == set(quickprop.__all__)
    for name in quickprop.__all__:
        assert getattr(quickprop, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        quickprop.fitt  # noqa: B018
