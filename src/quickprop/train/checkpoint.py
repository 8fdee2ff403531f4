"""A fit on disk, so that it can go on after whatever ended it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from quickprop.errors import DataFileError, ModelFileError
from quickprop.foundation.atomic_file import replace_file
from quickprop.foundation.deadline import Clock
from quickprop.graph import Tensor
from quickprop.native import Rows
from quickprop.nn import Network
from quickprop.train.best_weights import BestWeights
from quickprop.train.history import History
from quickprop.train.loop import Position, StateFile
from quickprop.train.step import TrainingStep

_VERSION = 3


@dataclass(frozen=True)
class Checkpoint:
    """All that a fit needs to go on to the same bits.

    Random numbers depend on the seed, the epoch and the step alone, so that the position is also
    the position of the random streams.

    Parameters
    ----------
    position : Position
    history : History
    variables : mapping of str to array
        Of the network, and those beside it that a step changes.
    copies : mapping of str to SavedCopy
    lowest : float
        The lowest loss that was watched.
    """

    position: Position
    history: History
    variables: Mapping[str, np.ndarray]
    copies: Mapping[str, SavedCopy]
    lowest: float


@dataclass(frozen=True)
class SavedCopy:
    """Weights that may turn out to be the best.

    Parameters
    ----------
    epoch : int
        After which they were taken.
    weights : mapping of str to array
    """

    epoch: int
    weights: Mapping[str, np.ndarray]


def data_hash(arrays: Iterable[Rows | None]) -> str:
    """A short hash of the numbers, shapes and types of arrays."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        parts = (array,) if isinstance(array, np.ndarray) else array.parts
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def _hash_of(document: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """A hash of all that a file holds: a changed position is as wrong as a changed weight."""
    known = {name: value for name, value in document.items() if name != "hash"}
    text = json.dumps([known, sorted(tensors)], sort_keys=True).encode()
    arrays = (tensors[name] for name in sorted(tensors))
    return data_hash([np.frombuffer(text, np.uint8), *arrays])


class CheckpointFile:
    """The file of a fit.

    Parameters
    ----------
    path : str or path
    identity : mapping
        Settings and data hash, as JSON can hold them; a file with others is refused.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        self.path = Path(path).expanduser()
        self.identity = json.loads(json.dumps(dict(identity)))

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the file: there is always a whole one.

        Raises
        ------
        DataFileError
            When the file cannot be written.
        """
        position = checkpoint.position
        tensors = {f"now/{name}": array for name, array in checkpoint.variables.items()}
        for label, copy in checkpoint.copies.items():
            tensors |= {f"{label}/{name}": array for name, array in copy.weights.items()}
        document: dict[str, Any] = {
            "version": _VERSION,
            "identity": self.identity,
            "position": {
                "epoch": position.epoch,
                "done": position.done,
                "total": position.total.hex(),
            },
            "copies": {label: copy.epoch for label, copy in checkpoint.copies.items()},
            "lowest": checkpoint.lowest.hex(),
            "history": checkpoint.history.to_document(),
        }
        document["hash"] = _hash_of(document, tensors)
        content = save(
            # Not ascontiguousarray, which gives scalars an axis.
            {name: np.array(array, order="C") for name, array in tensors.items()},
            {"quickprop.checkpoint": json.dumps(document)},
        )
        replace_file(self.path, lambda stream: stream.write(content))

    def read(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        weights: Collection[str],
        copies: Collection[str],
        steps: int,
    ) -> Checkpoint | None:
        """What the file holds, or None when there is no file.

        Parameters
        ----------
        shapes : mapping of str to tuple of int
            The variables of the fit.
        weights : collection of str
            Those of them that belong to the network.
        copies : collection of str
            Of which there are copies by these names.
        steps : int
            Steps of an epoch.

        Raises
        ------
        ModelFileError
            When the file is broken, or of another fit.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataFileError(
                "the checkpoint cannot be read",
                where=str(self.path),
                given=getattr(error, "strerror", None) or str(error),
            ) from error
        document, tensors = self._parts(content)
        self._check_identity(document.get("identity"))
        expected = {f"now/{name}": shape for name, shape in shapes.items()}
        for label in copies:
            expected |= {f"{label}/{name}": shapes[name] for name in weights}
        if {name: array.shape for name, array in tensors.items()} != expected:
            raise self._broken("its arrays are not those of this fit")
        if document.get("hash") != _hash_of(document, tensors):
            raise self._broken("it was altered")
        history = History.from_document(document.get("history"))
        place = self._position(document.get("position"), history, steps)
        epochs = self._epochs_of_copies(document.get("copies"), copies, history)
        return Checkpoint(
            place,
            history,
            {name: tensors[f"now/{name}"] for name in shapes},
            {
                label: SavedCopy(
                    epochs[label], {name: tensors[f"{label}/{name}"] for name in weights}
                )
                for label in copies
            },
            self._lowest(document.get("lowest")),
        )

    def _parts(self, content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        try:
            tensors = load(content)
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length])
            document = json.loads(header["__metadata__"]["quickprop.checkpoint"])
        except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._broken(" ".join(str(error).split())[:200] or "not readable") from None
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            raise self._broken("it is of another version")
        return document, tensors

    def _position(self, found: object, history: History, steps: int) -> Position:
        """The position, which must stand in the epoch after those of the history."""
        known = found if isinstance(found, dict) else {}
        epoch, done, total = (known.get(name) for name in ("epoch", "done", "total"))
        # Not isinstance, which takes True for a count.
        if type(epoch) is not int or type(done) is not int:
            raise self._broken("its position is not readable")
        if epoch != len(history.epochs) + 1 or not 0 <= done <= steps:
            raise self._broken("its position does not fit its history")
        try:
            return Position(epoch, done, float.fromhex(str(total)))
        except (ValueError, OverflowError):
            raise self._broken("its position is not readable") from None

    def _epochs_of_copies(
        self, found: object, copies: Collection[str], history: History
    ) -> dict[str, int]:
        known = found if isinstance(found, dict) else {}
        if set(known) != set(copies) or not all(
            type(epoch) is int and 0 <= epoch <= len(history.epochs) for epoch in known.values()
        ):
            raise self._broken("its copies of weights do not fit its history")
        return known

    def _lowest(self, found: object) -> float:
        try:
            return float.fromhex(str(found))
        except (ValueError, OverflowError):
            raise self._broken("its lowest loss is not readable") from None

    def _check_identity(self, found: object) -> None:
        if found == self.identity:
            return
        known = found if isinstance(found, dict) else {}
        for name, value in self.identity.items():
            if known.get(name) != value:
                raise ModelFileError(
                    f"the checkpoint is of a fit with another {name}",
                    where=str(self.path),
                    allowed=json.dumps(value)[:120],
                    given=json.dumps(known.get(name))[:120],
                    hint="use the settings and data of that fit, or resume=False to begin anew",
                )
        raise self._broken("it describes another fit")

    def _broken(self, why: str) -> ModelFileError:
        return ModelFileError(
            "not a whole checkpoint of a fit",
            where=str(self.path),
            given=why,
            hint="delete it, or use resume=False to begin anew",
        )


class FitFile(StateFile):
    """The state of a running fit and the file that it is kept in.

    Parameters
    ----------
    file : CheckpointFile
    network : Network
    step : TrainingStep
    best : BestWeights
    steps_per_epoch : int
    seconds_between : float
        The least time between two writes that nothing but time asks for.
    clock : callable
    """

    def __init__(
        self,
        file: CheckpointFile,
        network: Network,
        step: TrainingStep,
        best: BestWeights,
        steps_per_epoch: int,
        seconds_between: float,
        clock: Clock,
    ) -> None:
        self._file, self._best, self._steps_per_epoch = file, best, steps_per_epoch
        self._seconds_between, self._clock = seconds_between, clock
        self._weights = [str(leaf.name) for leaf in network.variables]
        leaves = (*network.variables, *step.state)
        self._variables: dict[str, Tensor] = {str(leaf.name): leaf for leaf in leaves}
        self._written, self._seconds = clock(), 0.0

    @property
    def is_due(self) -> bool:
        """When the last writing is long enough ago."""
        return self._clock() - self._written >= self._seconds_between

    @property
    def seconds(self) -> float:
        """That the last writing took."""
        return self._seconds

    def write(self, position: Position) -> None:
        """Write beside the file, then rename over it."""
        before = self._clock()
        now = {name: leaf.value for name, leaf in self._variables.items()}
        copies = {
            name: SavedCopy(copy.epoch or 0, copy.named())
            for name, copy in self._best.copies.items()
        }
        self._file.write(Checkpoint(position, self._best.history, now, copies, self._best.lowest))
        self._written = self._clock()
        self._seconds = self._written - before

    def resume(self) -> Position | None:
        """Put the state of the file in place; None when there is no file."""
        shapes = {name: leaf.value.shape for name, leaf in self._variables.items()}
        found = self._file.read(
            shapes, self._weights, self._best.copies.keys(), self._steps_per_epoch
        )
        if found is None:
            return None
        for name, leaf in self._variables.items():
            leaf.assign(found.variables[name])
        for name, copy in self._best.copies.items():
            copy.hold(found.copies[name].epoch, found.copies[name].weights)
        self._best.lowest = found.lowest
        # The one object that all who look on were given.
        vars(self._best.history).update(vars(found.history))
        return found.position
