"""Whether a network that is asked for would fit into memory, found out before it is made."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from quickprop.errors import SettingError

#: A weight in training, in bytes of float32: itself as array and as the code keeps it, its
#: gradient, two moments of the optimizer, the best so far and a copy while that is taken.
_BYTES_A_WEIGHT = 28
#: Smaller ones are not worth asking the system for.
_ALWAYS_FITS = 2**24


def available_memory() -> int | None:
    """Bytes that this process may still take, or None where the system does not say."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        if limit != "max":
            found.append(int(limit) - used)
    except (OSError, ValueError, IndexError):
        pass
    if not found and hasattr(os, "sysconf"):
        try:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError):
            return None
    return max(0, min(found)) if found else None


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
            f"training {weights:,} weights needs about {_in_words(needed)} of memory",
            where="hidden",
            allowed=f"at most {_in_words(there)}, what is free",
            given=shown or "a linear model of very many columns",
            hint="ask for narrower or fewer layers",
        )


def _in_words(size: int) -> str:
    return f"{size / 1e9:.3g} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
