"""Published checkpoints: where each belongs, and whether a file is what was published and first fetched.

`weights.sha256` beside them is the lock: a line for each file, with its whole SHA-256 as first fetched. It
lies there to travel with the files wherever they are copied. `sha256sum -c weights.sha256` checks it without
us. Git ignores all of artifacts/ but this file, so that a team can commit it. Only fetching writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools.errors import WeightsError
from tools.machine import events
from tools.machine.files import sha256, write_whole
from tools.machine.locks import hold
from tools.machine.reading import read_log
from tools.spec.catalog import load_truth
from tools.spec.model import Spec
from tools.spec.truth import PublishedWeights

LOCK = "weights.sha256"
PARTIAL = ".partial"  # the folder of unfinished files and of locks
MAGIC = (b"PK\x03\x04", b"\x80")  # a torch checkpoint is a zip archive or, from before torch 1.6, begins with a pickle


@dataclass(frozen=True, slots=True)
class Published:
    """The published checkpoint of a model's network, and the folder in which its file belongs."""

    model: str
    network: str
    stored: PublishedWeights
    folder: Path

    @property
    def place(self) -> Path:
        return self.folder / self.stored.file

    @property
    def partial(self) -> Path:
        """The unfinished file, on the same disk so that the last step is a rename."""
        return self.folder / PARTIAL / self.stored.file

    @property
    def how(self) -> str:
        """How the file gets there."""
        return f"python -m tools.fetch weights {self.model}; {self.by_hand}" if self.stored.url else self.by_hand

    @property
    def by_hand(self) -> str:
        """How it gets there where there is no network or no address."""
        take = f"python -m tools.fetch weights {self.model} --from FILE"
        if not self.stored.url:
            return f"it has no stable home: ask its authors for {self.stored.file}, then {take}"
        return (f"where there is no network, download {self.stored.url} on a machine that has one, "
                f"then {take}, or put it at {self.place}")

    def recorded(self) -> str:
        """Its SHA-256 in the lock; empty if it was never fetched."""
        return read_lock(self.folder).get(self.stored.file, "")

    def record(self, sha: str) -> None:
        """Add its SHA-256 to the lock; another fetch may be adding one too."""
        with hold(self.folder / PARTIAL / "lock.lock", events.say):
            lines = {**read_lock(self.folder), self.stored.file: sha}
            text = "".join(f"{sha}  {name}\n" for name, sha in sorted(lines.items()))
            write_whole(self.folder / LOCK, lambda file: file.write(text.encode()))

    def verify(self, path: Path, where: str, remedy: str) -> str:
        """The SHA-256 of *path*, compared with its published beginning and its recorded whole if known.

        Raises:
            WeightsError: it is another file, or torch cannot have saved it.
        """
        try:
            sha, recorded = sha256(path), self.recorded()
        except OSError as error:
            raise WeightsError(f"cannot be read: {error.strerror or error}", where=where, remedy="make it readable") from error
        if not sha.startswith(self.stored.sha256_prefix):
            raise WeightsError(f"the file's sha256 does not begin with {self.stored.sha256_prefix}, but with {sha[:8]}{_instead(path)}",
                               where=where, remedy=f"it is damaged or another file: {remedy}")
        if recorded and sha != recorded:
            raise WeightsError(f"the file's sha256 begins with {sha[:16]}; when it was first fetched it was {recorded[:16]}",
                               where=where, remedy=f"{remedy}; if the other file is meant, take its line out of {self.folder / LOCK}")
        if not self.stored.sha256_prefix and _instead(path):
            raise WeightsError(f"not a torch checkpoint{_instead(path)}", where=where, remedy=remedy)
        return sha


def _instead(path: Path) -> str:
    """How a file begins that torch cannot have saved, such as a proxy's error page; else empty."""
    with path.open("rb") as file:
        start = file.read(16)
    return "" if start.startswith(MAGIC) else f" (it begins with {start!r})" if start else " (it is empty)"


def published(models: Path, artifacts: Path, spec: Spec) -> list[Published]:
    """The published checkpoint of each of a model's networks.

    Raises:
        WeightsError: the toml names none for a network.
    """
    truth = load_truth(models, spec.name)
    checkpoints = []
    for network in spec.networks:
        if network.graph:
            raise WeightsError(f"{network.name} is an ONNX file alone, and nothing is fetched for it", where=str(models / network.graph),
                               remedy="bring that file yourself")
        stored = truth.weights if len(spec.networks) == 1 else truth.network_weights.get(network.name)
        if stored is None:
            raise WeightsError(f"no weights of {network.name} were published", where=str(truth.path),
                               remedy="give checkpoints with --weights")
        checkpoints.append(Published(spec.name, network.name, stored, artifacts / "weights"))
    return checkpoints


def read_lock(folder: Path) -> dict[str, str]:
    """The recorded SHA-256 of each file by its name; empty if nothing was fetched yet.

    Raises:
        WeightsError: naming the line that does not read `SHA256  FILE`.
    """
    path = folder / LOCK
    if not path.is_file():
        return {}
    recorded = {}
    for number, line in enumerate(read_log(path, WeightsError, "the recorded digests").splitlines(), 1):
        row = re.fullmatch(r"([0-9a-f]{64}) [ *](.+)", line)
        if row is None:
            raise WeightsError("the line does not read 'SHA256  FILE'", where=f"{path}:{number}",
                               remedy="take the line out; the next fetch of that file records it again")
        recorded[row[2]] = row[1]
    return recorded
