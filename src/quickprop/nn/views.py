"""How a network can be looked at, each way loaded when it is first taken."""

from typing import TYPE_CHECKING

from quickprop.config import on_demand

_HOMES = {
    "quickprop.nn.diagram": ("Diagram", "diagram"),
    "quickprop.nn.summary": ("Summary", "summary"),
    "quickprop.nn.trace": ("Trace", "trace"),
}

__getattr__ = on_demand(__name__, _HOMES)

# What type checkers and editors see; a test compares it with the table above.
if TYPE_CHECKING:
    from quickprop.nn.diagram import Diagram as Diagram
    from quickprop.nn.diagram import diagram as diagram
    from quickprop.nn.summary import Summary as Summary
    from quickprop.nn.summary import summary as summary
    from quickprop.nn.trace import Trace as Trace
    from quickprop.nn.trace import trace as trace
