"""The page on looking inside names every example; that it runs is tested with the other pages."""

from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "inside.md"


def test_every_example_is_named():
    examples = sorted(path.name for path in PAGE.parent.parent.glob("examples/*.py"))
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in examples if name != "drawing.py" and f"`{name}`" not in text] == []
