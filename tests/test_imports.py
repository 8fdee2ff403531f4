"""The doors between the rooms open one way, and importing the package is light."""

from __future__ import annotations

import ast
import builtins
import importlib
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import quickprop
from quickprop.foundation.lazy_exports import read_stub

SOURCE = Path(quickprop.__file__).parent
#: A room may import from itself and from those before it.
ORDER = (
    "errors", "config", "foundation", "graph", "ops", "autodiff", "passes", "native", "execution",
    "distributions", "losses", "nn", "zoo",
    "optim", "train", "data", "models", "selection", "estimators", "cli", "__main__",
)  # fmt: skip
HEAVY = ("sklearn", "scipy", "polars", "pandas", "rich", "typer", "llvmlite", "safetensors")
#: What a fit of an array and its predictions do without; tables, bars and files need them.
NOT_FOR_WORKERS = (
    "matplotlib", "narwhals", "onnxruntime", "pandas", "polars", "pyarrow", "rich", "safetensors",
    "torch", "typer",
)  # fmt: skip
#: scikit-learn loads some of them itself: they are out of reach while ours is loaded.
WORKER = """
import pickle
import sys

import numpy as np
import sklearn.neural_network

heavy = sys.argv[1:]
kept = {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] in heavy}
sys.modules.update(dict.fromkeys(heavy))

from quickprop import MLPClassifier

for name in heavy:
    del sys.modules[name]
sys.modules.update(kept)
rows = np.eye(3)
model = MLPClassifier((2,), max_iter=1, n_iter_no_change=1).fit(rows, [0, 1, 1])
assert pickle.loads(pickle.dumps(model)).predict(rows).shape == (3,)
print([name for name in heavy if name in sys.modules and name not in kept])
"""
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
    # The package itself stands on the ground floor: all its names are loaded when they are used.
    mine = ORDER.index("foundation" if path == SOURCE / "__init__.py" else room(path))
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


def loaded_by(code: str, *names: str) -> list[str]:
    """Those of some packages that are loaded after code has run in a process of its own."""
    code += "; import sys; print(*(m for m in sys.argv[1:] if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_import_is_light():
    assert loaded_by("import quickprop", *HEAVY) == []


def test_a_model_that_is_read_needs_no_training():
    assert loaded_by("from quickprop import load", "sklearn", "pandas", "rich", "typer") == []


def test_estimators_are_light():
    """A worker that fits, or is sent a fitted network, loads nothing that networks do not need."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *NOT_FOR_WORKERS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


STUBS = sorted(SOURCE.rglob("__init__.pyi"))


def exported(stub: Path) -> dict[str, str]:
    """The names of a stub and the module of each, as Python's own parser reads it."""
    found = {}
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 1, f"{stub}: only names from within the package"
            for alias in node.names:
                assert alias.asname == alias.name, f"{stub}: {alias.name} is not exported"
                assert alias.name not in found, f"{stub}: {alias.name} stands there twice"
                found[alias.name] = node.module or ""
    return found


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: stub.parent.name)
def test_what_a_stub_lists_is_what_the_package_has(stub: Path):
    parts = stub.parent.relative_to(SOURCE.parent).parts
    module = importlib.import_module(".".join(parts))
    names = exported(stub)
    assert read_stub(str(stub)) == names
    assert set(names) <= set(dir(module))
    for name in names:
        assert hasattr(module, name)
    with pytest.raises(AttributeError, match=f"'{module.__name__}' has no attribute 'fitt'"):
        module.fitt  # noqa: B018


def test_a_star_import_shadows_no_builtin():
    names = {}
    exec("from quickprop import *", names)
    assert not {name for name in names if name != "__builtins__"} & set(dir(builtins))
    assert names["fit"] is quickprop.fit
    assert quickprop.sum is quickprop.ops.sum


def test_a_misspelt_name_suggests_the_right_one():
    code = "import quickprop; quickprop.MLPClasifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Did you mean: 'MLPClassifier'?" in done.stderr


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def needs() -> dict[str, set[str]]:
    """What each module imports: at its top, in functions, for type checkers, and on demand.

    What is loaded on demand is listed in a stub, or named by a text that is a module's name.
    """
    modules = {module_of(path): path for path in FILES}
    found: dict[str, set[str]] = {name: set() for name in modules}
    for name, path in modules.items():
        trees = [ast.parse(path.read_text())]
        stub = path.with_suffix(".pyi")
        trees += [ast.parse(stub.read_text())] if stub.exists() else []
        for node in itertools.chain.from_iterable(map(ast.walk, trees)):
            wanted: list[str] = []
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = f"{name}.{node.module or ''}".rstrip(".") if node.level else node.module
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    wanted.append(inner if inner in modules else str(base))
            elif isinstance(node, ast.Constant) and "." in str(node.value):
                wanted = [str(node.value)]
            found[name] |= {one for one in wanted if one in modules and one != name}
    return found


def circles(edges: dict[str, set[str]]) -> set[frozenset[str]]:
    """The groups of modules each of which needs, by way of others, all of its group."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = edges[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in edges}
    return {
        frozenset(other for other in reach[name] if name in reach[other])
        for name in edges
        if name in reach[name]
    }


def test_circles_are_found():
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}, "e": {"a"}}
    assert circles(edges) == {frozenset("bc"), frozenset("d")}


def test_no_module_needs_itself():
    assert circles(needs()) == set()
