"""The file of a model or a network: weights as safetensors, all else as JSON in its header.

The document carries the format's version, the versions of the software that wrote it, and a SHA-256
over the rest of the document and all weights, so that an altered file is found. Nothing in the file
is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quickprop.errors import ModelFileError, SettingError
from quickprop.foundation.atomic_file import replace_file
from quickprop.foundation.bounded_file import check_regular_file, read_stream, shown_path
from quickprop.foundation.lazy_module import LazyModule
from quickprop.foundation.version import __version__

#: Format 2 may hold a linear model beside the network.
FORMAT = 2
READABLE = (1, 2)
#: Larger files are refused: no network of this library comes near.
LARGEST_FILE = 4 * 2**30
_LARGEST_HEADER = 2**28
_KEY = "quickprop"
#: Fits in workers, which neither write nor read files, do without.
safetensors = LazyModule("safetensors", "files of models")
safetensors_numpy = LazyModule("safetensors.numpy", "files of models")
_MEND = "choose a file that quickprop fit wrote, or fit the model again"


def write_model_file(
    path: str | os.PathLike[str], document: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> None:
    """Write document and weights, whole or not at all.

    Raises
    ------
    DataFileError
        The file cannot be written.
    SettingError
        What is given is no path.
    ModelFileError
        Weights are not finite: no file of them would be read again.
    """
    if not isinstance(path, str | os.PathLike):
        raise SettingError(
            "not the path of a file", where="save", given=repr(path)[:80],
            hint="name a file, for example 'model.quickprop'",
        )  # fmt: skip
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelFileError(
                "weights that are not finite numbers are not saved", where=f"save: {name}",
                hint="train again, with a smaller learning rate",
            )  # fmt: skip
    full = {
        "format": FORMAT,
        "versions": {
            "quickprop": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        **document,
    }
    full["checksum"] = _checksum(full, weights)
    text = json.dumps(full, ensure_ascii=False, separators=(",", ":"))
    tensors = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    content = safetensors_numpy.save(tensors, {_KEY: text})
    replace_file(path, lambda stream: stream.write(content))


def read_model_file(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Document and weights of a file.

    Raises
    ------
    ModelFileError
        The file is missing, truncated, altered, of a later version or no model at all.
    """
    where = shown_path(path)
    if not isinstance(path, str | os.PathLike):
        raise ModelFileError("not a path", where="load", given=repr(path)[:80])
    content = _content(Path(os.path.expanduser(path)))
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        text = header["__metadata__"][_KEY]
        document = json.loads(text)
        weights = safetensors_numpy.load(content)
    except (
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        MemoryError,
        safetensors.SafetensorError,
    ) as error:
        raise ModelFileError(
            "not a quickprop model, or a damaged one", where=where, hint=_MEND
        ) from error
    if not isinstance(document, dict):
        raise ModelFileError("not a quickprop model", where=where, hint=_MEND)
    if document.get("format") not in READABLE:
        raise ModelFileError(
            "a model of another format",
            where=where,
            allowed="format " + " or ".join(map(str, READABLE)),
            given=repr(document.get("format"))[:40],
            hint="update quickprop, or fit the model again",
        )
    if document.pop("checksum", None) != _checksum(document, weights):
        raise ModelFileError(
            "the file has been altered or damaged: its checksum does not match",
            where=where,
            hint=_MEND,
        )
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelFileError(
                "weights that are not finite numbers", where=f"{where}: {name}", hint=_MEND
            )
    return document, weights


def _content(path: Path) -> bytes:
    """The bytes of a file that looks like a model; of any other only the beginning is read."""
    where = shown_path(path)
    size = check_regular_file(path, ModelFileError, most=LARGEST_FILE)
    if not size:
        raise ModelFileError("the file is empty", where=where, hint=_MEND)
    try:
        with path.open("rb") as stream:
            header = int.from_bytes(stream.read(8), "little")
            if not 0 < header <= min(size - 8, _LARGEST_HEADER) or stream.read(1) != b"{":
                raise ModelFileError(
                    "not a quickprop model, or a damaged one", where=where, hint=_MEND
                )
            stream.seek(0)
            return read_stream(stream, where, ModelFileError, most=LARGEST_FILE)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelFileError("cannot be read", where=where, given=reason) from error


def _checksum(document: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest.update(text.encode("utf-8", "surrogatepass"))
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
