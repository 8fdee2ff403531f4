"""Shows the default of a checked setting as it is, not the call that declares it."""

from __future__ import annotations

from typing import Any

from griffe import Attribute, ExprCall, Extension


class Settings(Extension):
    """`rate: float = setting(number(0.0), 0.5)` is documented as `rate: float = 0.5`."""

    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        """Before a class is made of its fields."""
        value = attr.value
        if isinstance(value, ExprCall) and str(value.function) == "setting":
            attr.value = value.arguments[1] if len(value.arguments) > 1 else None
