"""Names of classes as people write them in settings."""

from __future__ import annotations

import re

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def plain_name(kind: str) -> str:
    """GaussianLikelihood is 'gaussian_likelihood'."""
    return "_".join(_WORDS.split(kind)).lower()
