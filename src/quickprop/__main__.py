"""Where the command begins and ends: no moment at which a signal would not be understood.

Nothing but what Python has loaded already is loaded before the signals are looked after.
"""

import os
import signal
import sys

#: What stops the command: Ctrl-C, and the request to terminate.
_STOPPING = (signal.SIGINT, signal.SIGTERM)


def run() -> None:
    """The command line. Does not return: the process ends, and waits for no thread."""
    received, wakeup = os.pipe()
    try:
        for end in (received, wakeup):
            os.set_blocking(end, False)
        # Tells which signals came, whoever handles them and whatever becomes of the exception.
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        # Not at the top: loading takes its time, and Ctrl-C must not end in a traceback.
        from quickprop.cli.app import main

        code = main()
    except BaseException as error:
        _ignore_signals()
        came = _numbers(received)
        # An import that is broken off may raise anything.
        if not came and not isinstance(error, KeyboardInterrupt):
            raise
        code = _stopped(came[0] if came else signal.SIGINT)
    _leave(code)


def _ignore_signals() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _stopped(number: int) -> int:
    """Say what is left of the work; the exit code that stands for the signal."""
    endings = sys.modules.get("quickprop.cli.endings")
    left = getattr(endings, "LEFT", None)
    words = left.words if left else "stopped before there was anything to keep"
    if words is None:
        return 0
    if sys.stderr is not None:
        print(words, file=sys.stderr)
    return 128 + number


def _numbers(received: int) -> list[int]:
    """The signals that came and would stop the command."""
    try:
        return [number for number in os.read(received, 4096) if number in _STOPPING]
    except OSError:
        return []


def _leave(code: int) -> None:
    """End at once: the answer was given, and neither a signal nor a thread may hold it up."""
    _ignore_signals()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            code = code or 2
    os._exit(code)


if __name__ == "__main__":
    run()
