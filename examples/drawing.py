"""What the examples share: their two options, and plots written as SVG without another package."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

#: Colours that stay apart for every kind of colour vision (Okabe and Ito 2008).
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SKY, AMBER, BLACK, GREY = "#56b4e9", "#e69f00", "#222222", "#8a8a8a"
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, AMBER, BLACK, GREY)
#: Space around a panel for its title, ticks and labels.
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 36, 48


@dataclass(frozen=True)
class Options:
    """How an example is run.

    Parameters
    ----------
    quick : bool
        Small settings, for a look in seconds.
    out : Path
        The folder for pictures.
    """

    quick: bool
    out: Path


def options(about: str | None, argv: Sequence[str] | None) -> Options:
    """The options of the command line; the folder is made if it is not there."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small settings, seconds")
    parser.add_argument("--out", default="pictures", metavar="FOLDER", help="where pictures go")
    given = parser.parse_args(argv)
    out = Path(given.out)
    out.mkdir(parents=True, exist_ok=True)
    return Options(given.quick, out)


@dataclass
class Panel:
    """One plot with its axes; lines outside of them are cut off.

    Parameters
    ----------
    title, x_label, y_label : str
    x, y : tuple of float
        The ends of the axes.
    log_x, log_y : bool
    names : sequence of str, optional
        Words in place of the numbers 0, 1, 2, ... below the axis.
    """

    title: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str = ""
    y_label: str = ""
    log_x: bool = False
    log_y: bool = False
    names: Sequence[str] | None = None
    width: int = 340
    height: int = 260
    legend: str = "right"
    _marks: list[str] = field(default_factory=list)
    _known: list[tuple[str, str, bool, str]] = field(default_factory=list)

    # -- where things are -------------------------------------------------------------------------

    def at_x(self, value: float) -> float:
        """The place of a number on the x axis, in pixels."""
        return LEFT + self.width * _share(value, self.x, self.log_x)

    def at_y(self, value: float) -> float:
        """The same on the y axis."""
        return TOP + self.height * (1 - _share(value, self.y, self.log_y))

    # -- what can be drawn ------------------------------------------------------------------------

    def line(
        self,
        x: Sequence[float] | np.ndarray,
        y: Sequence[float] | np.ndarray,
        colour: str = BLUE,
        label: str | None = None,
        width: float = 2.0,
        dash: str = "",
    ) -> None:
        """Points joined by a line; it has gaps where numbers are not finite."""
        pieces: list[list[str]] = [[]]
        for a, b in zip(x, y, strict=True):
            if math.isfinite(a) and math.isfinite(b):
                # Far outside is as good as a little outside, and no viewer stumbles over it.
                at_y = min(max(self.at_y(b), -5e3), 5e3)
                pieces[-1].append(f"{min(max(self.at_x(a), -5e3), 5e3):.1f} {at_y:.1f}")
            else:
                pieces.append([])
        path = "".join("M" + "L".join(piece) for piece in pieces if piece)
        self._marks.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" '
            f'stroke-dasharray="{dash}" stroke-linejoin="round"/>'
        )
        if label:
            self._known.append((label, colour, True, dash))

    def points(
        self,
        x: Sequence[float] | np.ndarray,
        y: Sequence[float] | np.ndarray,
        colour: str = BLUE,
        label: str | None = None,
        radius: float = 3.0,
        hollow: bool = False,
    ) -> None:
        """Dots, or rings."""
        fill = "white" if hollow else colour
        for a, b in zip(x, y, strict=True):
            if math.isfinite(a) and math.isfinite(b) and abs(self.at_y(b)) < 5e3:
                self._marks.append(
                    f'<circle cx="{self.at_x(a):.1f}" cy="{self.at_y(b):.1f}" r="{radius}" '
                    f'fill="{fill}" stroke="{colour}" stroke-width="1.2"/>'
                )
        if label:
            self._known.append((label, colour, False, ""))

    def words(
        self, x: float, y: float, text: str, colour: str = BLACK, anchor: str = "start"
    ) -> None:
        """Words at a place."""
        self._marks.append(
            f'<text x="{self.at_x(x):.1f}" y="{self.at_y(y):.1f}" fill="{colour}" '
            f'text-anchor="{anchor}" font-size="11">{escape(text)}</text>'
        )

    def upright(self, x: float, label: str, colour: str = GREY) -> None:
        """A dashed line from top to bottom."""
        self.line([x, x], list(self.y), colour, label, 1.4, "5 4")

    def surface(
        self,
        function: Callable[[np.ndarray, np.ndarray], np.ndarray],
        colours: Sequence[str],
        levels: Sequence[float],
        cells: int = 110,
    ) -> None:
        """Areas between levels in one colour each: one colour more than there are levels."""
        xs = np.linspace(*self.x, cells + 1)
        ys = np.linspace(*self.y, cells + 1)
        middle_x, middle_y = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
        grid = function(*np.meshgrid(middle_x, middle_y))
        bands = np.searchsorted(np.asarray(levels), grid)
        for row, band in enumerate(bands):
            # Cells of one colour beside each other are one rectangle.
            ends = np.flatnonzero(np.diff(band)) + 1
            for first, last in zip([0, *ends], [*ends, cells], strict=True):
                left, right = self.at_x(xs[first]), self.at_x(xs[last])
                top, low = self.at_y(ys[row + 1]), self.at_y(ys[row])
                # A little larger, so that no seams shine through.
                self._marks.append(
                    f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left + 0.5:.1f}" '
                    f'height="{low - top + 0.5:.1f}" fill="{colours[band[first]]}"/>'
                )

    # -- the whole --------------------------------------------------------------------------------

    def svg(self, name: str) -> str:
        """The panel with its axes and legend."""
        right, low = LEFT + self.width, TOP + self.height
        frame = f'x="{LEFT}" y="{TOP}" width="{self.width}" height="{self.height}"'
        parts = [
            f'<text x="{LEFT}" y="{TOP - 12}" font-size="14" font-weight="bold">'
            f"{escape(self.title)}</text>",
            f'<clipPath id="{name}"><rect {frame}/></clipPath>',
        ]
        parts += self._ticks_x(low) + self._ticks_y()
        parts.append(f'<g clip-path="url(#{name})">{"".join(self._marks)}</g>')
        parts.append(f'<rect {frame} fill="none" stroke="{BLACK}"/>')
        parts.append(
            f'<text x="{LEFT + self.width / 2}" y="{low + 36}" text-anchor="middle">'
            f"{escape(self.x_label)}</text>"
            f'<text transform="translate(14 {TOP + self.height / 2}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.y_label)}</text>'
        )
        if self._known:
            parts += self._legend(right)
        return "\n".join(parts)

    def _ticks_x(self, low: float) -> list[str]:
        ticks = ticks_of(self.x, self.log_x)
        words = [number(value) for value in ticks]
        if self.names is not None:
            ticks, words = [float(k) for k in range(len(self.names))], list(self.names)
        return [
            f'<path d="M{self.at_x(value):.1f} {low}v5" stroke="{BLACK}"/>'
            f'<text x="{self.at_x(value):.1f}" y="{low + 18}" text-anchor="middle" '
            f'font-size="11">{escape(word)}</text>'
            for value, word in zip(ticks, words, strict=True)
        ]

    def _ticks_y(self) -> list[str]:
        return [
            f'<path d="M{LEFT - 5} {self.at_y(value):.1f}h5" stroke="{BLACK}"/>'
            f'<path d="M{LEFT} {self.at_y(value):.1f}h{self.width}" stroke="#e8e8e8"/>'
            f'<text x="{LEFT - 8}" y="{self.at_y(value) + 4:.1f}" text-anchor="end" '
            f'font-size="11">{number(value)}</text>'
            for value in ticks_of(self.y, self.log_y)
        ]

    def _legend(self, right: float) -> list[str]:
        wide = 40 + 6.3 * max(len(label) for label, *_ in self._known)
        x = right - wide - 6 if self.legend.endswith("right") else LEFT + 8
        tall = 17 * len(self._known) + 8
        y = TOP + self.height - tall - 6 if self.legend.startswith("lower") else TOP + 6
        parts = [
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall}" fill="white" '
            f'fill-opacity="0.88" stroke="#cccccc"/>'
        ]
        for k, (label, colour, is_line, dash) in enumerate(self._known):
            at = y + 17 * k + 13
            mark = f'<circle cx="{x + 17:.1f}" cy="{at}" r="4" fill="{colour}"/>'
            if is_line:
                mark = (
                    f'<path d="M{x + 6:.1f} {at}h22" stroke="{colour}" stroke-width="2.2" '
                    f'stroke-dasharray="{dash}"/>'
                )
            parts.append(
                f'{mark}<text x="{x + 34:.1f}" y="{at + 4}" font-size="11">{escape(label)}</text>'
            )
        return parts


def save(path: Path, panels: Sequence[Sequence[Panel]]) -> Path:
    """Write panels, in rows, as one picture."""
    parts, at_y, widest = [], 0.0, 0.0
    for r, row in enumerate(panels):
        at_x = 0.0
        for k, panel in enumerate(row):
            inner = panel.svg(f"panel{r}-{k}")
            parts.append(f'<g transform="translate({at_x:.0f} {at_y:.0f})">{inner}</g>')
            at_x += LEFT + panel.width + RIGHT
        at_y += TOP + max(panel.height for panel in row) + BOTTOM
        widest = max(widest, at_x)
    size = f'width="{widest:.0f}" height="{at_y:.0f}" viewBox="0 0 {widest:.0f} {at_y:.0f}"'
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="12" fill="{BLACK}" '
        'font-family="Helvetica, Arial, sans-serif">\n'
        f'<rect width="{widest:.0f}" height="{at_y:.0f}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n",
        encoding="utf-8",
    )
    print(f"picture: {path}")
    return path


def _share(value: float, ends: tuple[float, float], log: bool) -> float:
    low, high = ends
    if log:
        low, high, value = math.log10(low), math.log10(high), math.log10(max(value, 1e-300))
    return (value - low) / (high - low)


def ticks_of(ends: tuple[float, float], log: bool) -> list[float]:
    """Round numbers between two ends."""
    low, high = ends
    if log:
        powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        found = [10.0**power for power in powers]
        every = max(1, len(found) // 6)
        return found[::every] if len(found) >= 2 else [low, high]
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = min((m * unit for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A number as short as it can be read."""
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{round(value, 9):g}"
