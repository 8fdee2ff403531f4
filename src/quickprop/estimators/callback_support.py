"""The door for scikit-learn's own callbacks, where its version has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """The method as it is."""
        return method


class CallbackSupport(CallbackSupportMixin):
    """Gives a fit its context when callbacks were set, on the estimator or on one around it."""

    def _context_of_fit(self, epochs: int) -> Any:
        # Without any, a fit makes no tree of tasks: that takes longer than small steps.
        parent = getattr(self, "_parent_callback_ctx", None)
        if not getattr(self, "_skl_callbacks", None) and not _somebody_looks_at(parent):
            return None
        return self._init_callback_context(max_subtasks=epochs)


def _somebody_looks_at(context: Any) -> bool:
    """Whether an estimator around this one has callbacks; each sees all tasks below its own."""
    while context is not None:
        if getattr(context, "_callbacks", True):
            return True
        context = context.parent
    return False


__all__ = ["CallbackSupport", "with_callbacks"]
