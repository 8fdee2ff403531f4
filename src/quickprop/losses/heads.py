"""Several heads of different kinds on one network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from quickprop.config import DType
from quickprop.errors import DataError, SettingError, ShapeError
from quickprop.foundation.settings import (
    Rule,
    integer,
    made_by_name,
    number,
    optional,
    sequence_of,
    setting,
)
from quickprop.graph import ROWS, Tensor, placeholder, show_shape, variable
from quickprop.losses.loss import LOSSES, SINGLE_LOSSES, Loss
from quickprop.losses.targets import numbers, raw_matrix
from quickprop.ops.elementary import cast, concat


def _single(value: Any) -> Any:
    if isinstance(value, str):
        return made_by_name(value, SINGLE_LOSSES)
    if not isinstance(value, Loss) or isinstance(value, Heads):
        raise TypeError
    return value


_SINGLE = Rule(lambda: ", ".join(f"{kind}()" for kind in SINGLE_LOSSES), _single, SINGLE_LOSSES)


@dataclass(frozen=True)
class _Place:
    """Where a head finds its raw outputs and its columns of the target."""

    loss: Loss
    weight: float
    outputs: slice
    targets: slice

    @property
    def width(self) -> int:
        """How many raw outputs it has."""
        found: int = self.outputs.stop - self.outputs.start
        return found

    @property
    def leaf(self) -> Tensor:
        """The target as the loss takes it."""
        return self.loss.target_placeholder(self.width)

    @property
    def columns(self) -> int:
        """How many columns its losses have."""
        return self.loss.per_target(placeholder((ROWS, self.width)), self.leaf).shape[1] or 1


@LOSSES.register()
@dataclass(frozen=True)
class Heads(Loss):
    """The weighted sum of several losses, each on its own part of the raw outputs.

    Parameters
    ----------
    losses : tuple of Loss
        The raw outputs of the first come first.
    targets : tuple of int
        For each the number of target columns; for class codes the number of classes.
    weights : tuple of float, optional
        A factor for each; 1 by default. The loss is the sum of these times the mean loss of each
        head. Where parts of the target are missing, every part that is there keeps the same say.

    Notes
    -----
    The target is one matrix with the columns of all heads in their order; class codes are one
    column of whole numbers. NaN is missing.

    Examples
    --------
    >>> from quickprop import CrossEntropy, Heads, MeanSquaredError
    >>> Heads((CrossEntropy(), MeanSquaredError()), targets=(3, 1)).output_width(4)
    4
    """

    losses: tuple[Loss, ...] = setting(sequence_of(_SINGLE))
    targets: tuple[int, ...] = setting(sequence_of(integer(1)))
    weights: tuple[float, ...] | None = setting(
        optional(sequence_of(number(0.0, low_open=True))), None
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("targets", "weights"):
            given = getattr(self, name)
            if given is not None and len(given) != len(self.losses):
                raise SettingError(
                    "not one for each head",
                    where=f"Heads.{name}",
                    allowed=f"{len(self.losses)} items",
                    given=f"{len(given)} items",
                )
        for head, count in zip(self.losses, self.targets, strict=True):
            if (
                head.output_width(count) < 1
                or head.target_placeholder(head.output_width(count)).rank > 2
            ):
                raise SettingError(
                    "a head that cannot have such a target",
                    where="Heads.targets",
                    given=f"{count} for {type(head).__name__}",
                )

    @property
    def width(self) -> int:
        """The raw outputs of all heads: the width of the last Dense layer."""
        return sum(place.width for place in self._places())

    def output_width(self, targets: int) -> int:
        """`width`, whatever the number of target columns."""
        return self.width

    def split(self, raw: Any) -> tuple[np.ndarray, ...]:
        """The raw outputs of each head, for its own `predict` and `distribution`."""
        array = raw_matrix(raw, "Heads")
        self._check_width(array.shape[1])
        return tuple(array[:, place.outputs] for place in self._places())

    def per_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The losses of all heads side by side, scaled so that their mean is the sum of means."""
        self._check_width(output.shape[1] or 0)
        parts = []
        for k, place in enumerate(self._places()):
            wanted = place.leaf
            column = target[:, place.targets]
            if wanted.rank == 1:
                column = target[:, place.targets.start]
            if wanted.dtype is DType.int32:
                column = cast(column, DType.int32)
            losses = place.loss.per_target(output[:, place.outputs], column)
            # A variable and not a constant: other weights then run the same compiled code.
            weight = variable(place.weight, output.dtype, f"heads.weight{k}")
            parts.append(losses * weight * (1.0 / (losses.shape[1] or 1)))
        side_by_side = concat(parts, 1)
        return side_by_side * float(side_by_side.shape[1] or 1)

    def prediction(self, output: Tensor) -> Tensor:
        """The predictions of all heads side by side."""
        self._check_width(output.shape[1] or 0)
        return concat(
            [place.loss.prediction(output[:, place.outputs]) for place in self._places()], 1
        )

    def target_placeholder(self, width: int, dtype: DType = DType.float32) -> Tensor:
        """Numbers (rows, columns of all heads)."""
        return placeholder((ROWS, self._columns), dtype, "target")

    def check_target(self, target: Any, width: int, where: str) -> np.ndarray:
        """One matrix of the columns of all heads."""
        self._check_width(width)
        array = numbers(target, where)
        if array.ndim != 2 or array.shape[1] != self._columns:
            raise ShapeError(
                "the target does not fit the heads",
                where=where,
                allowed=show_shape((ROWS, self._columns)),
                given=show_shape(array.shape),
                hint="put the columns of all heads side by side, class codes as numbers",
            )
        parts = []
        for place in self._places():
            columns, leaf = array[:, place.targets], place.leaf
            first, last = place.targets.start, place.targets.stop - 1
            here = f"{where} column {first}" + (f" to {last}" if last > first else "")
            if leaf.rank == 1:
                columns = columns[:, 0]
            if leaf.dtype is DType.int32:
                columns = _whole(columns, here)
            checked = place.loss.check_target(columns, place.width, here)
            parts.append(checked.reshape(len(array), -1).astype(np.float64))
        return np.concatenate(parts, axis=1)

    def without_missing(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each head by its own rule."""
        filled, present = [], []
        for place in self._places():
            part, there = place.loss.without_missing(target[:, place.targets])
            filled.append(part)
            present.append(np.broadcast_to(there, (len(target), place.columns)))
        return np.concatenate(filled, axis=1), np.concatenate(present, axis=1)

    @property
    def _columns(self) -> int:
        """Columns of the target of all heads."""
        found: int = [place.targets.stop for place in self._places()][-1]
        return found

    def _places(self) -> Iterator[_Place]:
        output = target = 0
        weights = self.weights or (1.0,) * len(self.losses)
        for loss, count, weight in zip(self.losses, self.targets, weights, strict=True):
            width = loss.output_width(count)
            leaf = loss.target_placeholder(width)
            columns = 1 if leaf.rank == 1 else leaf.shape[1] or 1
            yield _Place(
                loss, weight, slice(output, output + width), slice(target, target + columns)
            )
            output, target = output + width, target + columns

    def _check_width(self, width: int) -> None:
        if width != self.width:
            parts = ", ".join(
                f"{place.width} for {type(place.loss).__name__}" for place in self._places()
            )
            raise ShapeError(
                "the heads need another number of outputs",
                where="network",
                allowed=f"{self.width} outputs: {parts}",
                given=width,
                hint=f"give the last Dense layer a width of {self.width}",
            )


def _whole(column: np.ndarray, where: str) -> np.ndarray:
    """A column of whole numbers as codes; as it is where some are missing."""
    if column.dtype.kind != "f" or np.isnan(column).any():
        return column
    whole_numbers = np.floor(column)
    if not (np.isfinite(column).all() and (column == whole_numbers).all()):
        raise DataError(
            "class codes must be whole numbers",
            where=where,
            given=f"{column[column != whole_numbers][:1].tolist() or 'infinity'}",
        )
    found: np.ndarray = np.clip(whole_numbers, -(2.0**62), 2.0**62).astype(np.int64)
    return found


def links_of(loss: Loss) -> tuple[str | None, ...]:
    """The activation that a loss contains; of `Heads` that of each head."""
    return (
        tuple(head.output_activation for head in loss.losses)
        if isinstance(loss, Heads)
        else (loss.output_activation,)
    )
