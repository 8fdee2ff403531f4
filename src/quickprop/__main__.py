"""Where the command begins: nothing heavy is loaded before a Ctrl-C would be understood."""

import sys


def run() -> None:
    """The command line, its packages loaded within reach of Ctrl-C."""
    try:
        # Not at the top: loading takes half a second, and Ctrl-C must not end in a traceback.
        from quickprop.cli import main
    except KeyboardInterrupt:
        print("stopped before there was anything to keep", file=sys.stderr)
        sys.exit(130)
    main()


if __name__ == "__main__":
    run()
