"""Whether a network that is asked for would fit into memory, found out before it is made."""

from __future__ import annotations

from collections.abc import Sequence

from quickprop.errors import SettingError
from quickprop.foundation.bounded_file import available_memory, in_words

#: A weight in training, in bytes of float32: itself as array and as the code keeps it, its
#: gradient, two moments of the optimizer, the best so far and a copy while that is taken.
_BYTES_A_WEIGHT = 28
#: Smaller ones are not worth asking the system for.
_ALWAYS_FITS = 2**24


def check_memory(weights: int, hidden: Sequence[int]) -> None:
    """Raise `SettingError` when training so many weights would need more memory than there is.

    Parameters
    ----------
    weights : int
        How many weights the network has.
    hidden : sequence of int
        The widths that were asked for, for the message.
    """
    if weights < _ALWAYS_FITS:
        return
    there = available_memory()
    needed = weights * _BYTES_A_WEIGHT
    if there is not None and needed > there:
        shown = ", ".join(map(str, hidden[:6])) + (", ..." if len(hidden) > 6 else "")
        raise SettingError(
            f"training {weights:,} weights needs about {in_words(needed)} of memory",
            where="hidden",
            allowed=f"at most {in_words(there)}, what is free",
            given=shown or "a linear model of very many columns",
            hint="ask for narrower or fewer layers",
        )
