"""Memory of what was used last."""

from __future__ import annotations

from quickprop.foundation.lru_cache import LruCache


def test_what_was_not_used_for_longest_is_forgotten():
    cache: LruCache[str, int] = LruCache(2)
    for key, value in (("a", 1), ("b", 2)):
        cache.put(key, value)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_sizes_count_together():
    cache: LruCache[str, bytes] = LruCache(10, most=10, size_of=len)
    cache.put("a", b"x" * 6)
    cache.put("a", b"x" * 4)  # In its own place.
    cache.put("b", b"x" * 6)
    assert len(cache) == 2
    cache.put("c", b"x")
    assert (cache.get("a"), cache.get("b")) == (None, b"x" * 6)
    cache.put("d", b"x" * 11)
    assert len(cache) == 0
