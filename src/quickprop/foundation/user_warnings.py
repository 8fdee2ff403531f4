"""Warnings that point at the line of the user and not at one of ours."""

from __future__ import annotations

import sys
import warnings

#: Packages whose frames lie between a fit and the line that asked for it.
_BETWEEN = ("quickprop", "sklearn", "joblib", "contextlib", "warnings")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, as of the first frame outside of quickprop and of what calls it for the user."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _BETWEEN:
            break
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
