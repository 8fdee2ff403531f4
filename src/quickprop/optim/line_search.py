"""A line search for the strong Wolfe conditions, as graph: one look at the loss a step.

Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 (bracketing) and 3.6 (zoom) with
the cubic interpolation of equation 3.59. Both are one rule here. The search keeps an interval from
``low``, the best step so far that goes down far enough, to ``high``, beyond which there is nothing
to look for. While bracketing, ``high`` is not known and steps grow; zooming, the next step lies
between the two.

The limits of a step and what is done near the ends of the interval follow PyTorch's LBFGS, so that
the iterates are the same.

All quantities are scalar tensors; conditions are 1 or 0. A loss that is not finite counts as high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quickprop.config import DType
from quickprop.graph import Tensor, constant, variable
from quickprop.ops.elementary import abs, maximum, minimum, sqrt, where
from quickprop.optim.optimizer import Updates

#: The strong Wolfe conditions' two factors, as usual for quasi-Newton methods.
SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
#: While bracketing, a step is longer than the one before by so much of their distance at least,
#: and so many times the one before at most.
LEAST_GROWTH, MOST_GROWTH = 0.01, 10.0
#: Zooming, this part of the interval at each end counts as near the end.
MARGIN = 0.1


@dataclass(frozen=True)
class LinePoint:
    """A step along the line, the loss there, and its slope along the line."""

    step: Tensor
    value: Tensor
    slope: Tensor

    def if_(self, condition: Tensor, other: LinePoint) -> LinePoint:
        """This point where the condition holds, else the other."""
        return LinePoint(
            where(condition, self.step, other.step),
            where(condition, self.value, other.value),
            where(condition, self.slope, other.slope),
        )

    def updates(self, new: LinePoint) -> Updates:
        """A point made of variables takes the numbers of another."""
        return [(self.step, new.step), (self.value, new.value), (self.slope, new.slope)]


def both(a: Tensor, b: Tensor) -> Tensor:
    """1 when two conditions hold."""
    return a * b


def no(a: Tensor) -> Tensor:
    """1 when a condition does not hold."""
    return 1.0 - a


def cubic_minimum(a: LinePoint, b: LinePoint) -> Tensor:
    """Where the cubic through two points has its minimum (equation 3.59); NaN if it has none."""
    first = a.slope + b.slope - 3.0 * (a.value - b.value) / (a.step - b.step)
    sign = where(a.step < b.step, 1.0, -1.0)
    second = sign * sqrt(first * first - a.slope * b.slope)
    return b.step - (b.step - a.step) * (b.slope + second - first) / (
        b.slope - a.slope + 2.0 * second
    )


@dataclass(frozen=True)
class Verdict:
    """What a look at the loss says.

    Parameters
    ----------
    accepted : Tensor
        The step fulfils the strong Wolfe conditions. When looks have run out, the best step that
        goes down far enough is taken instead.
    failed : Tensor
        Looks have run out and no step goes down far enough.
    updates : Updates
        The state for the next look, for when the step is not accepted; in the order of `begin`.
    """

    accepted: Tensor
    failed: Tensor
    updates: Updates


class LineSearch:
    """The state of a search between two looks, as variables."""

    def __init__(self, dtype: DType) -> None:
        def number(name: str) -> Tensor:
            return variable(0.0, dtype, f"line_search.{name}")

        def point(name: str) -> LinePoint:
            return LinePoint(*(number(f"{name}.{part}") for part in ("step", "value", "slope")))

        #: The step to be looked at.
        self.step = number("step")
        self.start_value, self.start_slope = number("start.value"), number("start.slope")
        self.low, self.high = point("low"), point("high")
        self.bracketed, self.looks = number("bracketed"), number("looks")
        #: The step lies near an end of the interval.
        self.close = number("close")
        #: Looks have run out: the step is that of `low`, and is taken as it is.
        self.settling = number("settling")

    def look(self, value: Tensor, slope: Tensor, most: Tensor) -> Verdict:
        """Take in the loss and its slope at `step`."""
        here = LinePoint(self.step, value, slope)
        low, high = self.low, self.high
        enough = self.start_value + SUFFICIENT_DECREASE * self.step * self.start_slope
        finite = float(np.finfo(value.dtype.value).max)
        # All comparisons are false for NaN.
        good = both(both(value < enough, value < low.value), abs(slope) < finite)
        flat = abs(slope) < -CURVATURE * self.start_slope
        # Beyond `here` seen from `low` the loss goes up again: the minimum lies between them.
        turned = no(slope * where(self.bracketed, high.step - low.step, 1.0) < 0.0)
        new_low = here.if_(good, low)
        new_high = low.if_(both(good, turned), here.if_(no(good), high))
        bracketed = where(good, where(turned, 1.0, self.bracketed), 1.0)
        # Interpolate within the interval, or from the last two points beyond it.
        first, last = new_low.if_(bracketed, low), new_high.if_(bracketed, here)
        guess = cubic_minimum(first, last)
        least = where(
            bracketed,
            minimum(first.step, last.step),
            last.step + LEAST_GROWTH * (last.step - first.step),
        )
        largest = where(bracketed, maximum(first.step, last.step), MOST_GROWTH * last.step)
        # Neither comparison holds for NaN, which leaves the middle.
        above = where(least < guess, largest, 0.5 * (least + largest))
        guess = where(guess < largest, maximum(guess, least), above)
        # The second time in a row that a guess lies at an end of the interval, it is moved inside.
        margin = MARGIN * (largest - least)
        to_least, to_largest = guess - least, largest - guess
        close = both(bracketed, minimum(to_least, to_largest) < margin)
        at_end = no(minimum(to_least, to_largest) > 0.0)
        moved = both(close, maximum(self.close, at_end))
        inside = where(to_largest < to_least, largest - margin, least + margin)
        guess = where(moved, inside, guess)
        looks = self.looks + 1.0
        out = no(looks < most)
        settle = both(out, new_low.step > 0.0)
        step = where(settle, new_low.step, guess)
        return Verdict(
            accepted=where(self.settling, 1.0, both(good, flat)),
            failed=both(both(out, no(settle)), no(self.settling)),
            updates=[
                (self.start_value, self.start_value),
                (self.start_slope, self.start_slope),
                (self.step, step),
                *low.updates(new_low),
                *high.updates(new_high),
                (self.bracketed, bracketed),
                (self.close, both(close, no(moved))),
                (self.looks, looks),
                (self.settling, settle),
            ],
        )

    def begin(self, value: Tensor, slope: Tensor) -> Updates:
        """The state for the first look along a new line, at a whole step.

        Parameters
        ----------
        value, slope : Tensor
            The loss at the start, and its slope along the line, which is below 0.
        """
        zero, one = constant(0.0, value.dtype), constant(1.0, value.dtype)
        start = LinePoint(zero, value, slope)
        return [
            (self.start_value, value),
            (self.start_slope, slope),
            (self.step, one),
            *self.low.updates(start),
            *self.high.updates(LinePoint(zero, zero, zero)),
            (self.bracketed, zero),
            (self.close, zero),
            (self.looks, zero),
            (self.settling, zero),
        ]
