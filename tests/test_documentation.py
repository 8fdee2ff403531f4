"""Every block of code on a page runs as pasted, in order, and shows what it says."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sklearn.exceptions import ConvergenceWarning

from module_beside import module_beside

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
#: Pages that take seconds.
SLOW = {
    "README.md",
    "docs/floors.md",
    "docs/reference/command_line.md",
    "docs/sizes.md",
    "docs/tutorial.md",
}
#: The first line of blocks that are written for other libraries.
OF_OTHERS = ("# Keras\n", "# skorch\n")
#: What installs or builds is not run by tests.
SET_UP = re.compile(r"\b(pip|make|venv|pytest)\b")
_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A piece of code or output on a page."""

    path: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    page = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(page):
        line = page.count("\n", 0, found.start(3)) + 1
        yield Block(path, line, found[2], found[3])


def without_numbers(text: str) -> str:
    """The words of an output: numbers depend on the machine, and so does where lines are broken."""
    return " ".join(re.sub(r"-?\d[\d,.]*(e-?\d+)?", "N", text).split())


class Reader:
    """Does what a page says, block by block."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""

    def read(self, block: Block) -> None:
        """Run a block, or compare what the one before it printed."""
        if block.language == "text":
            expected = without_numbers(block.text)
            assert without_numbers(self.printed) == expected, f"{block}: printed\n{self.printed}"
        elif block.language == "sh":
            if not SET_UP.search(block.text):
                self.printed = self.shell(block)
        elif block.language == "python" and block.text.lstrip().startswith(">>>"):
            self.session(block)
        elif block.language == "python" and not block.text.startswith(OF_OTHERS):
            out = io.StringIO()
            code = compile("\n" * (block.line - 1) + block.text, str(block.path), "exec")
            with contextlib.redirect_stdout(out):
                exec(code, self.names)
            self.printed = out.getvalue()

    def session(self, block: Block) -> None:
        """A block of `>>>`, by the rules of doctest."""
        test = doctest.DocTestParser().get_doctest(
            block.text, self.names, str(block), str(block.path), block.line - 1
        )
        report = io.StringIO()
        doctest.DocTestRunner().run(test, out=report.write, clear_globs=False)
        # What was defined went into a copy.
        self.names.update(test.globs)
        assert not report.getvalue(), report.getvalue()

    def shell(self, block: Block) -> str:
        """Commands, with the `quickprop` and the `python` of this process."""
        (Path.cwd() / "bin").mkdir(exist_ok=True)
        for name, command in {"quickprop": "-m quickprop", "python": ""}.items():
            script = Path.cwd() / "bin" / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {command} "$@"\n')
            script.chmod(0o755)
        path = f"{Path.cwd() / 'bin'}{os.pathsep}{os.environ['PATH']}"
        source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run(
            ["sh", "-e", "-c", block.text],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": path, "PYTHONPATH": source},
        )
        assert done.returncode == 0, f"{block}: {done.stderr}"
        return done.stdout


def _parameter(path: Path) -> Any:
    name = str(path.relative_to(ROOT))
    return pytest.param(path, id=name, marks=[pytest.mark.slow] if name in SLOW else [])


@pytest.mark.parametrize("path", [*map(_parameter, PAGES)])
def test_the_blocks_of_a_page_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reader = Reader()
    with warnings.catch_warnings():
        # Fits on pages are short. Any other warning makes the page fail: a reader would see it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for block in blocks_of(path):
            reader.read(block)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_says_what_it_is(path):
    assert {block.language for block in blocks_of(path)} <= {"python", "sh", "text"}


def test_blocks_for_other_libraries_are_few():
    theirs = [
        block
        for path in PAGES
        for block in blocks_of(path)
        if block.language == "python" and block.text.startswith(OF_OTHERS)
    ]
    assert [block.path.name for block in theirs] == ["migration.md"] * 2


def test_links_lead_to_files():
    for path in PAGES:
        text = _FENCE.sub("", path.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


# -- the reference --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exports():
    """The script that fills the pages of the reference."""
    return module_beside(str(DOCS / "reference" / "index.md"), "exports")


def test_every_public_name_is_on_one_page_of_the_reference(exports):
    pages = [path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("reference/*.md"))]
    entries = [
        name
        for page in pages
        for name in re.findall(r"^::: quickprop\.([\w.]+)$", exports.on_page_markdown(page), re.M)
    ]
    assert sorted(entries) == sorted(exports.public_names())
