"""The ways in which a command can end."""

from __future__ import annotations

from dataclasses import dataclass

from quickprop.errors import QuickpropError

#: Exit codes: all went well; something given was wrong. A signal adds its number to the third.
DONE, WRONG, SIGNALLED = 0, 2, 128


class OutputError(QuickpropError, OSError):
    """Standard output that cannot be written."""


@dataclass
class Left:
    """What is left of the work if a signal ends the command now.

    Parameters
    ----------
    words : str or None
        What to say of it; None when all is done and there is nothing to say.
    """

    words: str | None

    def begin(self) -> None:
        """Nothing was done yet."""
        self.words = "stopped before there was anything to keep"

    def keep(self, what: str, path: str) -> None:
        """Something stands in a file."""
        self.words = f"stopped; the {what} written to {path}"

    def done(self) -> None:
        """The answer was given."""
        self.words = None


#: Of this process, as signals are too.
LEFT = Left("stopped before there was anything to keep")
