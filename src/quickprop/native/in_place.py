"""Updates whose new value may be written straight over the old one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from quickprop.native.buffers import Buffer
from quickprop.native.kernel import Step


def overwrite_variables(
    updates: Iterable[tuple[Buffer, Buffer | None]],
    outputs: Collection[Buffer | None],
    steps: Sequence[Step],
) -> set[Buffer]:
    """Give new values the place of their variables where no old value is needed afterwards.

    Parameters
    ----------
    updates : pairs of Buffer
        Each variable, and its new value.
    outputs : collection of Buffer
        What is shown to the caller: old values, if it is variables.
    steps : sequence of Step

    Returns
    -------
    set of Buffer
        The variables whose new values need not be copied.
    """
    writer: dict[Buffer, int] = {}
    last_read: dict[Buffer, int] = {}
    for k, step in enumerate(steps):
        for buffer in step.writes:
            writer.setdefault(buffer, k)
        for buffer in step.reads:
            last_read[buffer] = k
    found: set[Buffer] = set()
    for variable, new in updates:
        if new is None or new not in writer or new.location is not None or variable in outputs:
            continue
        step = steps[writer[new]]
        # Other steps, and other places of this one, must not need the old value any more.
        read_later = last_read.get(variable, -1) > writer[new]
        if step.updates and not read_later and variable not in step.reads_elsewhere:
            new.location = variable.location
            found.add(variable)
    return found
