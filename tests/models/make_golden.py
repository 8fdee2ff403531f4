"""Writes golden_v1.quickprop: run once, when format 1 was new. Later versions must still open it.

python tests/models/make_golden.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import quickprop

HERE = Path(__file__).parent
ROWS = 60


def table() -> dict[str, list]:
    """Small, but with a column of every kind."""
    rng = np.random.default_rng(11)
    size = rng.uniform(0, 10, ROWS).round(2)
    colour = rng.choice(["red", "green", "blue"], ROWS)
    town = rng.choice([f"town {k}" for k in range(12)], ROWS)
    day = [f"2024-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in range(ROWS)]
    label = np.where(size + (colour == "red") * 2 > 6, "yes", "no")
    return {
        "size": size.tolist(), "colour": colour.tolist(), "town": town.tolist(), "day": day,
        "label": label.tolist(),
    }  # fmt: skip


if __name__ == "__main__":
    model = quickprop.fit(table(), "label", hidden=[4], epochs=20, budget=None, seed=5)
    model.save(HERE / "golden_v1.quickprop")
    expected = {
        "probabilities": model.predict_proba(table())[:8].tolist(),
        "classes": list(model.classes or ()),
    }
    (HERE / "golden_v1.json").write_text(json.dumps(expected, indent=1) + "\n")
