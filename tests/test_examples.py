"""The examples run with small settings, leave well-formed pictures, and what they print holds."""

from __future__ import annotations

import importlib
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "drawing")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Runs an example; gives what it returned and printed, and its pictures by name."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def run(name):
        found = importlib.import_module(name).main(["--quick", "--out", str(tmp_path)])
        printed = capsys.readouterr().out
        named = re.findall(r"picture: .*?([a-z_]+\.svg)", printed)
        pictures = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
        assert sorted(named) == sorted(pictures)
        assert named
        for text in pictures.values():
            root = ElementTree.fromstring(text)
            assert root.tag == f"{SVG}svg"
            assert not re.search(r'="[^"]*\b(nan|inf)\b', text)
            width, height = float(root.get("width")), float(root.get("height"))
            for word in root.iter(f"{SVG}text"):
                assert word.text is None or len(word.text) < 100
            assert 300 < width < 2000
            assert 200 < height < 2000
        return found, printed, pictures

    return run


def test_gradient_descent(run):
    found, printed, pictures = run("gradient_descent")
    # sum(x y) / sum(x x) = (0.6 + 1.9 + 4.65 + 7.6 + 13) / 13.75
    assert found["best"] == pytest.approx(27.75 / 13.75)
    assert found["one step"] == pytest.approx(found["best"])
    for name, share in (("0.3 / c", 0.3), ("1.8 / c", 1.8), ("2.1 / c", 2.1)):
        assert found[f"factor at {name}"] == pytest.approx(1 - share, rel=1e-6)
    # Eleven steps of factor -1.1 lead 2.85 times as far away.
    assert found["end at 2.1 / c"] == pytest.approx(1.1**11)
    assert "flies away" in printed
    assert "Loss by weight" in pictures["gradient_descent.svg"]


def test_xor(run):
    found, printed, pictures = run("xor")
    assert found["loss without"] == pytest.approx(math.log(2), abs=1e-3)
    assert found["loss with 3"] < 0.02
    assert found["share with 8"] == 1
    assert found["share with 2"] <= found["share with 8"]
    assert "outputs 0.500, 0.500, 0.500, 0.500" in printed
    assert set(pictures) == {"xor.svg", "xor_network.svg"}


def test_universal_approximation(run):
    found, _, pictures = run("universal_approximation")
    assert len(found) >= 3
    for errors in found.values():
        by_width = list(errors["width"].values())
        assert by_width[-1] < 0.25 * by_width[0]
        assert len(errors["depth"]) >= 2
        assert max(errors["depth"].values()) < 0.5 * by_width[0]
    assert "waves: by depth" in pictures["universal_approximation.svg"]


def test_networks_of_every_depth_have_about_the_same_number_of_parameters(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    width_of = importlib.import_module("universal_approximation").widths_of_depth
    # One layer of w: 2w + w + 1; another layer adds w (w + 1).
    assert 3 * width_of(1, 200) + 1 == 199
    assert 3 * width_of(2, 200) + 1 + 12 * 13 == 193


def test_chain_rule(run):
    found, printed, _ = run("chain_rule")
    assert found["trace"] < 1e-14
    assert found["small changes"] < 1e-8
    assert "dL/da_2,1 = dL/do_2,1 · sigmoid'(a_2,1)" in printed


def test_overfitting(run):
    found, _, _ = run("overfitting")
    # By heart: closer to its own rows than the noise allows, and further from the truth.
    assert found["rows, to the end"] < 0.5 * found["rows, stopped early"]
    assert found["truth, stopped early"] < 0.5 * found["truth, to the end"]
    assert found["best epoch"] < found["epochs run"]
    assert found["held out at best"] < 0.7 * found["held out at the end"]


def test_optimizers_racing(run):
    found, printed, _ = run("optimizers_racing")
    assert found["SGD, momentum 0.9"].steps_to_goal < found["SGD"].steps_to_goal
    assert found["Adam"].steps_to_goal < found["SGD"].steps_to_goal
    for name, race in found.items():
        assert name in printed
        # (1 + 1.3)² + 10 (1.8 - 1.69)²
        assert race.heights[0] == pytest.approx(5.411)
        assert race.heights.min() < 1


def test_unequal_lengths(run):
    found, printed, _ = run("unequal_lengths")
    assert found["LSTM, mask"] < 0.03
    assert found["transformer block, mask"] < 0.03
    # Which of the marks count is not to be known without the mask.
    assert found["LSTM, no mask"] > 0.2
    assert "of the variance unexplained" in printed


def test_every_example_is_here():
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    # This one needs a data set that is not part of the repository.
    assert set(NAMES) - {"mnist_convolution"} <= tested


def test_an_example_runs_as_a_script(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "gradient_descent.py", "--quick", "--out", tmp_path / "new"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "picture:" in done.stdout
    assert (tmp_path / "new" / "gradient_descent.svg").exists()


# -- the plots ------------------------------------------------------------------------------------


@pytest.fixture
def drawing(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("drawing")


@pytest.mark.parametrize(
    ("ends", "log", "expected"),
    [
        ((0, 10), False, [0, 2, 4, 6, 8, 10]),
        ((-1, 1), False, [-1, -0.5, 0, 0.5, 1]),
        ((0.013, 0.027), False, [0.0150, 0.0175, 0.0200, 0.0225, 0.0250]),
        ((1e-3, 10), True, [1e-3, 1e-2, 1e-1, 1, 10]),
        ((2, 7), True, [2, 7]),
    ],
)
def test_ticks_are_round_numbers(drawing, ends, log, expected):
    np.testing.assert_allclose(drawing.ticks_of(ends, log), expected, atol=1e-12)


def test_places_in_a_panel(drawing):
    panel = drawing.Panel("", (0, 10), (1, 100), log_y=True, width=200, height=100)
    assert panel.at_x(5) == drawing.LEFT + 100
    assert panel.at_y(10) == drawing.TOP + 50
    assert panel.at_y(1) == drawing.TOP + 100


def test_lines_break_where_numbers_are_missing_and_stay_near_the_panel(drawing, tmp_path):
    panel = drawing.Panel("<&>", (0, 4), (0, 1), names=["a<b"])
    panel.line([0, 1, 2, 3, 4], [0, 1, math.nan, 1e300, math.inf], label="<x>")
    panel.points([0, 1], [math.nan, 0.5], label="p")
    text = drawing.save(tmp_path / "p.svg", [[panel]]).read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    [path] = re.findall(r'<path d="(M[^"]*L[^"]*)" fill="none"', text)
    assert path.count("M") == 2
    assert all(abs(float(number)) <= 5000 for number in re.findall(r"-?\d+\.\d", path))
    assert text.count("<circle") == 2
