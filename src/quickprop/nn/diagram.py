"""A network as a picture: neurons as circles, synapses as lines, in SVG."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from quickprop.errors import DataFileError, SettingError
from quickprop.nn.built_layer import BuiltLayer
from quickprop.nn.built_network import BuiltNetwork
from quickprop.nn.labels import columns_of
from quickprop.nn.layers.activation import Activation
from quickprop.nn.layers.dense import Dense

#: Most neurons of a layer that are drawn; of wider ones, so many from its head and its tail.
MOST, HEAD, TAIL = 12, 9, 3
#: Most synapses of a layer whose weights are written beside them.
WRITTEN = 9
#: Two colours that stay apart for every kind of colour vision (Okabe and Ito 2008).
POSITIVE, NEGATIVE = "#0072b2", "#d55e00"
INK, GREY, PALE = "#222222", "#767676", "#d4d4d4"
RADIUS, COLUMN = 14, 200
#: From one neuron to the next: in networks that are small throughout there is room for numbers.
WIDE, NARROW, SMALL = 62, 42, 6
TITLE = 44
GAP = 36


@dataclass(frozen=True, repr=False)
class Diagram:
    """A picture of a network. Notebooks show it as it is.

    Parameters
    ----------
    svg : str
        The picture as SVG.

    Examples
    --------
    >>> from quickprop import Dense, Diagram, Network
    >>> diagram = Network([Dense(2), Dense(1)], features=3).diagram()
    >>> isinstance(diagram, Diagram), diagram.svg[:4]
    (True, '<svg')
    >>> path = diagram.save("network.svg")
    """

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file.

        Raises
        ------
        SettingError
            When the name does not end in .svg.
        DataFileError
            When it cannot be written.
        """
        if not isinstance(path, str | os.PathLike) or Path(path).suffix.lower() != ".svg":
            raise SettingError(
                "not the name of an SVG file",
                where="Diagram.save",
                allowed="a path that ends in .svg",
                given=repr(path)[:80],
            )
        try:
            Path(path).write_text(self.svg, encoding="utf-8")
        except OSError as error:
            raise DataFileError(
                "the diagram cannot be written", where=str(path), given=error.strerror
            ) from error
        return Path(path)

    def __repr__(self) -> str:
        return f"<Diagram: {len(self.svg):,} characters of SVG>"


def diagram(network: BuiltNetwork) -> Diagram:
    """Draw a network.

    Every line is a synapse: the wider, the greater its weight within its layer; blue above zero,
    orange below. Biases are the synapses of neurons that always give 1. Layers of more than twelve
    neurons are folded, and layers that are no vectors stand as boxes.

    Returns
    -------
    Diagram
    """
    return Diagram(_Drawing(network).svg())


@dataclass(eq=False)
class _Group:
    """A layer, or an input, in its place in the picture."""

    name: str
    depth: int
    shape: tuple[int, ...]
    label: Callable[[int], str]
    notes: list[str] = field(default_factory=list)
    placed: BuiltLayer | None = None
    sources: list[_Group] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    names: tuple[str, ...] | None = None
    levels: tuple[tuple[str, ...], ...] | None = None
    with_bias: bool = False
    x: float = 0.0
    top: float = 0.0
    pitch: float = NARROW

    @property
    def is_box(self) -> bool:
        return len(self.shape) != 1

    @property
    def shown(self) -> list[int | None]:
        """Numbers of the units that are drawn; None stands for those that are folded."""
        if self.is_box:
            return []
        width = self.shape[0]
        if width <= MOST:
            return list(range(width))
        return [*range(HEAD), None, *range(width - TAIL, width)]

    @property
    def height(self) -> float:
        """Without the title."""
        return self.pitch * (1 if self.is_box else len(self.shown) + self.with_bias)

    @property
    def places(self) -> dict[int | None, float]:
        """The height of the centre of each unit that is drawn."""
        return {unit: self.top + self.pitch * (k + 0.5) for k, unit in enumerate(self.shown)}

    @property
    def bias_at(self) -> float:
        """The height of the neuron that always gives 1."""
        return self.top + self.pitch * (len(self.shown) + 0.5)

    @property
    def ends_at(self) -> tuple[float, float]:
        """Where its units begin and end, from above."""
        return self.top + 7, self.top + self.pitch * max(len(self.shown), 1) - 7


class _Drawing:
    def __init__(self, network: BuiltNetwork) -> None:
        self.network = network
        self.parts: list[str] = []
        self.groups = _groups(network)
        if max(len(group.shown) for group in self.groups) <= SMALL:
            for group in self.groups:
                group.pitch = WIDE
        inputs = [group for group in self.groups if group.placed is None]
        columns = [g.label(unit) for g in inputs for unit in g.shown if unit is not None]
        self.left = 40 + 7 * max([4, *(len(_short(name)) for name in columns)])
        self._arrange()

    def _arrange(self) -> None:
        depths = sorted({group.depth for group in self.groups})
        columns = [[g for g in self.groups if g.depth == depth] for depth in depths]
        heights = [
            sum(TITLE + group.height for group in column) + GAP * (len(column) - 1)
            for column in columns
        ]
        self.inner = max(heights)
        for column, height in zip(columns, heights, strict=True):
            at = 20 + (self.inner - height) / 2
            for group in column:
                group.x = self.left + RADIUS + COLUMN * group.depth
                group.top = at + TITLE
                at += TITLE + group.height + GAP
        named = [name for group in self.groups for name in group.names or ()]
        longest = max((len(_short(name)) for name in named), default=0)
        self.width = self.left + RADIUS + COLUMN * depths[-1] + 90 + 7 * longest
        self.bottom = 20.0 + self.inner
        skips = any(g.depth - s.depth > 1 for g in self.groups for s in g.sources)
        self.height = self.bottom + 60 + 50 * skips

    def svg(self) -> str:
        for group in self.groups:
            for source in group.sources:
                if group.placed is not None and isinstance(group.placed.layer, Dense):
                    self._synapses(source, group)
                else:
                    self._band(source, group)
        for group in self.groups:
            self._group(group)
        if any(isinstance(placed.layer, Dense) for placed in self.network.layers):
            self._legend()
        width, height = max(self.width, 560), self.height
        style = f'font-family="Helvetica, Arial, sans-serif" font-size="12" fill="{INK}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
                f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" {style}>',
                f"<title>{_text(repr(self.network).strip('<>'))}</title>",
                f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
                *self.parts,
                "</svg>\n",
            ]
        )

    # -- synapses ---------------------------------------------------------------------------------

    def _synapses(self, source: _Group, group: _Group) -> None:
        assert group.placed is not None
        weights = group.placed.parameters["weight"].value
        bias = group.placed.parameters.get("bias")
        biases = None if bias is None else bias.value
        both = weights if biases is None else np.vstack([weights, biases])
        sizes = np.abs(both[np.isfinite(both)])
        largest = float(sizes.max(initial=0.0)) or 1.0
        starts = [(source.label(j), at, j) for j, at in source.places.items() if j is not None]
        if biases is not None:
            starts.append(("bias", source.bias_at, len(weights)))
        ends = [(i, at) for i, at in group.places.items() if i is not None]
        written = len(starts) * len(ends) <= WRITTEN and len(ends) <= 3
        for j, start in source.places.items():
            for i, end in group.places.items():
                if (i is None) != (j is None):
                    self._line(source.x, start, group.x, end, PALE, 0.7, 1.0, None)
        # Strong synapses are drawn last, over the weak ones.
        lines = [(float(both[j, i]), label, y, i, z) for label, y, j in starts for i, z in ends]
        for weight, label, y, i, z in sorted(lines, key=lambda line: _size(line[0])):
            share = min(_size(weight) / largest, 1.0)
            colour = POSITIVE if weight >= 0 else NEGATIVE
            hint = f"{label} to {group.label(i)}: {weight:.4g}"
            if not math.isfinite(weight):
                colour = GREY
            self._line(
                source.x, y, group.x, z, colour, 0.6 + 3.9 * share, 0.25 + 0.65 * share, hint
            )
        if written:
            # At this place the numbers have equal distances from one to the next.
            share = 1 / (len(ends) + 1)
            for weight, _, y, _, z in lines:
                x = source.x + RADIUS + share * (group.x - source.x - 2 * RADIUS)
                self._weight(x, y + share * (z - y), weight)

    def _line(
        self,
        x: float,
        y: float,
        to_x: float,
        to_y: float,
        colour: str,
        width: float,
        opacity: float,
        hint: str | None,
    ) -> None:
        start, end = x + RADIUS, to_x - RADIUS
        shape = f"M{start:.1f} {y:.1f}L{end:.1f} {to_y:.1f}"
        title = "" if hint is None else f"<title>{_text(hint)}</title>"
        self.parts.append(
            f'<path d="{shape}" fill="none" stroke="{colour}" stroke-width="{width:.2f}" '
            f'stroke-opacity="{opacity:.2f}">{title}</path>'
        )

    def _weight(self, x: float, y: float, weight: float) -> None:
        place = f'x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle" font-size="10.5"'
        text = _number(weight)
        self.parts.append(
            f'<text {place} stroke="white" stroke-width="4" stroke-linejoin="round">{text}</text>'
            f"<text {place}>{text}</text>"
        )

    def _band(self, source: _Group, group: _Group) -> None:
        """What is no synapse: a layer that passes on or mixes in its own way."""
        x, to_x = source.x + RADIUS, group.x - RADIUS
        (top, low), (to_top, to_low) = source.ends_at, group.ends_at
        if group.depth - source.depth > 1:
            # Round below the columns between.
            deep = self.bottom + 60
            self.parts.append(
                f'<path d="M{x:.1f} {low - 6:.1f}C{x + 70:.1f} {deep:.1f} {to_x - 70:.1f} '
                f'{deep:.1f} {to_x:.1f} {to_low - 6:.1f}" fill="none" stroke="{PALE}" '
                'stroke-width="7" stroke-linecap="round"/>'
            )
            return
        back = _bend(to_x, to_low, x, low).replace("M", "L", 1)
        self.parts.append(
            f'<path d="{_bend(x, top, to_x, to_top)}{back}Z" fill="{PALE}" fill-opacity="0.45"/>'
        )

    # -- neurons ----------------------------------------------------------------------------------

    def _group(self, group: _Group) -> None:
        self.parts.append(
            f'<text x="{group.x:.1f}" y="{group.top - 22:.1f}" text-anchor="middle" '
            f'font-weight="bold">{_text(_short(group.name, 24))}</text>'
            f'<text x="{group.x:.1f}" y="{group.top - 7:.1f}" text-anchor="middle" '
            f'fill="{GREY}">{_text(_short(", ".join(group.notes), 30))}</text>'
        )
        if group.is_box:
            shape = " x ".join(map(str, group.shape)) or "1"
            self.parts.append(
                f'<rect x="{group.x - 55:.1f}" y="{group.top + 4:.1f}" width="110" '
                f'height="{group.pitch - 8:.1f}" rx="8" fill="white" stroke="{INK}" '
                'stroke-width="1.3"/>'
                f'<text x="{group.x:.1f}" y="{group.top + group.pitch / 2 + 4:.1f}" '
                f'text-anchor="middle">{shape}</text>'
            )
            return
        for unit, at in group.places.items():
            if unit is None:
                self._fold(group, at)
            else:
                self._neuron(group, unit, at)
        if group.with_bias:
            at = group.bias_at
            self.parts.append(
                f'<circle cx="{group.x:.1f}" cy="{at:.1f}" r="{RADIUS - 3}" fill="white" '
                f'stroke="{GREY}" stroke-width="1.3" stroke-dasharray="3 2.5">'
                "<title>always 1: its synapses are biases</title></circle>"
                f'<text x="{group.x:.1f}" y="{at + 4:.1f}" text-anchor="middle" '
                f'fill="{GREY}">1</text>'
            )
            if group.placed is None:
                self._name(group.x, at, "bias", GREY)

    def _neuron(self, group: _Group, unit: int, at: float) -> None:
        hint = group.label(unit)
        if group.names is not None:
            hint = f"{hint}: {group.names[unit]}"
        title = f"{hint}: {', '.join(group.levels[unit])}" if group.levels else hint
        fill = "#f2f2f2" if group.placed is None else "white"
        self.parts.append(
            f'<circle cx="{group.x:.1f}" cy="{at:.1f}" r="{RADIUS}" fill="{fill}" '
            f'stroke="{INK}" stroke-width="1.3"><title>{_text(title)}</title></circle>'
        )
        if group.placed is None:
            self._name(group.x, at, hint, INK)
        elif any(name in self.network.outputs for name in group.ends):
            x = group.x + RADIUS
            self.parts.append(
                f'<path d="M{x:.1f} {at:.1f}h22m-6 -4l6 4l-6 4" fill="none" stroke="{INK}" '
                'stroke-width="1.3"/>'
            )
            if group.names is not None:
                self.parts.append(
                    f'<text x="{x + 28:.1f}" y="{at + 4:.1f}">'
                    f"{_text(_short(group.names[unit]))}</text>"
                )

    def _name(self, x: float, at: float, name: str, colour: str) -> None:
        self.parts.append(
            f'<text x="{x - RADIUS - 7:.1f}" y="{at + 4:.1f}" text-anchor="end" '
            f'fill="{colour}">{_text(_short(name))}</text>'
        )

    def _fold(self, group: _Group, at: float) -> None:
        more = f"… {group.shape[0] - HEAD - TAIL:,} more"
        half = 4.1 * len(more)
        self.parts.append(
            f'<rect x="{group.x - half:.1f}" y="{at - 12:.1f}" width="{2 * half:.1f}" height="24" '
            f'rx="12" fill="white" stroke="{GREY}" stroke-width="1.3" stroke-dasharray="4 3"/>'
            f'<text x="{group.x:.1f}" y="{at + 4:.1f}" text-anchor="middle" '
            f'fill="{GREY}">{more}</text>'
        )

    def _legend(self) -> None:
        y = self.height - 22
        x = 24.0
        for colour, words in ((POSITIVE, "weight above 0"), (NEGATIVE, "weight below 0")):
            self.parts.append(
                f'<path d="M{x:.1f} {y - 4:.1f}h26" stroke="{colour}" stroke-width="3.5"/>'
                f'<text x="{x + 33:.1f}" y="{y:.1f}">{words}</text>'
            )
            x += 140
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{GREY}">'
            "the wider, the greater within its layer</text>"
        )


def _groups(network: BuiltNetwork) -> list[_Group]:
    """Inputs and layers; what only passes numbers on is a note at the layer before it."""
    groups, owner = [], {}
    readers = Counter(source for placed in network.layers for source in placed.sources)
    columns = columns_of(network.architecture.inputs, network.architecture.names)
    levels = network.architecture.names.levels
    for leaf in network.architecture.inputs:
        title = "inputs" if leaf.name == "numeric" else leaf.name
        owner[leaf.name] = _Group(title, 0, leaf.row_shape, columns[leaf.name].label)
        if leaf.codes and levels is not None:
            count = math.prod(leaf.row_shape)
            owner[leaf.name].levels, levels = levels[:count], levels[count:]
        groups.append(owner[leaf.name])
    for placed in network.layers:
        sources = [owner[name] for name in placed.sources]
        before = sources[0]
        if _passes_on(placed) and before.placed is not None and readers[placed.sources[0]] == 1:
            before.notes.append(_note(placed))
            before.ends.append(placed.name)
            before.names = placed.names or before.names
            owner[placed.name] = before
            continue
        group = _Group(
            placed.name,
            1 + max(source.depth for source in sources),
            placed.output_shape,
            placed.label,
            [_note(placed)] if isinstance(placed.layer, Activation) else [],
            placed,
            sources,
            names=placed.names,
        )
        group.ends.append(placed.name)
        if "bias" in placed.parameters and isinstance(placed.layer, Dense):
            before.with_bias = True
        owner[placed.name] = group
        groups.append(group)
    return groups


def _passes_on(placed: BuiltLayer) -> bool:
    """Whether each number stays that of the neuron before: activations, dropout, norms."""
    alike = len(placed.sources) == 1 and placed.output_shape == placed.input_shape
    mixes = any(len(spec.shape) > 1 for spec in placed.specs)
    return alike and not mixes and not isinstance(placed.layer, Dense)


def _note(placed: BuiltLayer) -> str:
    if isinstance(placed.layer, Activation):
        return placed.layer.name
    return type(placed.layer).__name__


def _bend(x: float, y: float, to_x: float, to_y: float) -> str:
    pull = (to_x - x) / 2
    return (
        f"M{x:.1f} {y:.1f}C{x + pull:.1f} {y:.1f} {to_x - pull:.1f} {to_y:.1f} "
        f"{to_x:.1f} {to_y:.1f}"
    )


def _size(weight: float) -> float:
    return abs(weight) if math.isfinite(weight) else 0.0


def _number(value: float) -> str:
    return f"{value:.2f}" if 0.01 <= abs(value) < 100 else f"{value:.2g}"


def _short(name: str, most: int = 20) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _text(words: str) -> str:
    """Words that may stand in XML, where most control characters may not."""
    allowed = "".join(c if c >= " " and c not in "\x7f\ufffe\uffff" else " " for c in words)
    return escape("".join(c for c in allowed if not "\ud800" <= c <= "\udfff"))
