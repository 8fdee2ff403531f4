"""Memory of so many things, those used last, for several threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """Values by their keys.

    Parameters
    ----------
    kept : int
        How many.
    most : int, optional
        The sizes of all together.
    size_of : callable, optional
        The size of a value.
    """

    def __init__(
        self, kept: int, most: int | None = None, size_of: Callable[[Value], int] = lambda value: 0
    ) -> None:
        self.kept, self.most, self.size_of = kept, most, size_of
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Key) -> Value | None:
        """The value, if it is still there."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        """Remember a value, and forget those that were not used for longest."""
        gone = []
        with self._lock:
            before = self._values.pop(key, None)
            if before is not None:
                self._size -= self.size_of(before)
                gone.append(before)
            self._values[key] = value
            self._size += self.size_of(value)
            while self._values and (
                len(self._values) > self.kept or (self.most is not None and self._size > self.most)
            ):
                _, oldest = self._values.popitem(last=False)
                self._size -= self.size_of(oldest)
                gone.append(oldest)
        # What goes may do more than free memory, and not while others wait.
        gone.clear()
