"""The page on looking inside says what happens."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "inside.md"


def test_what_the_page_shows_happens():
    result = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted > 15


def test_every_example_is_named():
    examples = sorted(path.name for path in PAGE.parent.parent.glob("examples/*.py"))
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in examples if name != "drawing.py" and f"`{name}`" not in text] == []
