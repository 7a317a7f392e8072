"""The weights that a run judges: mini weights that it makes, published ones, or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.deployment import mini, own_graph
from tools.deployment.origin import origin
from tools.deployment.published import Published, published
from tools.errors import WeightsError
from tools.machine import events, versions
from tools.machine.files import require_unchanged, sha256
from tools.pytorch import networks
from tools.spec.digest import network_digest
from tools.spec.given import GRAPH
from tools.spec.model import Network, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import Stage


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint of *network*, which has as many outputs as its head; *origin*: mini, published or own.

    Of a network that is an ONNX file, *origin* graph, it is that file; *files*: all that it consists of, each
    with its digest.
    """

    path: Path
    sha256: str
    network: Network
    origin: str
    files: tuple[tuple[Path, str], ...] = ()

    def require_unchanged(self) -> None:
        """Check, after loading it, that the file is still the one that was found; else a WeightsError."""
        for path, sha in self.files or ((self.path, self.sha256),):
            require_unchanged(path, sha, WeightsError)


def checkpoints(context: Context[Spec]) -> tuple[Weights, ...]:
    """The checkpoint of every network of a run; a child process fits mini weights that the store lacks.

    Raises:
        WeightsError: the file is no checkpoint of this model, or does not have the published digest.
    """
    word = origin(context)
    if word == GRAPH:
        [network] = context.spec.networks
        own = own_graph.find(context, network)
        return (Weights(own.path, own.sha256, network, word, own.files),)
    if word == "mini":
        return mini_weights(context.spec, mini.weights(context))
    return tuple(_checked(context, network, path, word)
                 for network, path in zip(context.spec.networks, given(context, word), strict=True))


def mini_weights(spec: Spec, fitted: Entry) -> tuple[Weights, ...]:
    """The checkpoints that an entry of mini weights holds."""
    return tuple(Weights(fitted.file(f"{network.name}.pth"), fitted.files[f"{network.name}.pth"], network, "mini")
                 for network in spec.networks)


def given(context: Context[Spec], word: str) -> list[Path]:
    """The checkpoint files of published weights or the user's own, one for each network.

    Raises:
        WeightsError: a file is missing, or several could be meant.
    """
    if word == "published":
        return _published(context)
    spec, chosen = context.spec, Path(context.settings.weights)
    several = len(spec.networks) > 1
    if chosen.is_dir() != several:
        raise WeightsError(f"--weights is a {'file' if several else 'folder'}, and {spec.name} has {len(spec.networks)} network(s)",
                           where=str(chosen), remedy="give a file for one network, a folder for several: "
                                                     + ", ".join(f"{network.name}*.pth*" for network in spec.networks))
    if not several:
        return [chosen]
    found = {network.name: sorted(chosen.glob(f"{network.name}*.pth*")) for network in spec.networks}
    for name, paths in found.items():
        if len(paths) != 1:
            wanted = " and ".join(f"one {network.name}*.pth*" for network in spec.networks)
            raise WeightsError(f"{len(paths)} files are named {name}*.pth*, not one", where=str(chosen),
                               remedy=f"{spec.name} has several networks: give a folder with {wanted}")
    return [paths[0] for paths in found.values()]


def _published(context: Context[Spec]) -> list[Path]:
    """The published checkpoints in the artifacts folder, verified as far as their digests are known."""
    chosen = placed(context)
    for checkpoint in chosen:
        checkpoint.verify(checkpoint.place, str(checkpoint.place), f"remove it, then {checkpoint.how}")
    return [checkpoint.place for checkpoint in chosen]


def placed(context: Context[Spec]) -> list[Published]:
    """The published checkpoints, each of which is where it belongs; none is read. No run fetches one.

    Raises:
        WeightsError: none was published, or it has not been fetched.
    """
    chosen = published(context.settings.models, context.settings.artifacts, context.spec)
    for checkpoint in chosen:
        if not checkpoint.place.is_file():
            raise WeightsError(f"the published weights of {checkpoint.network} are not there", where=str(checkpoint.place),
                               remedy=checkpoint.how)
    return chosen


def _checked(context: Context[Spec], network: Network, path: Path, word: str) -> Weights:
    """Load a checkpoint in a child process, unless the store notes that this was done before."""
    sha = sha256(path)
    entry = checked(network, path, sha).find_or_run(context)
    classes = int(entry.facts["classes"])
    return Weights(path, sha, network.with_outputs(classes) if classes else network, word)


def checked(network: Network, path: Path, sha: str) -> Stage:
    """Loading this checkpoint into *network*; the entry notes the classes of its head, 0 if it has none."""
    shaped_by = (("weights", sha), ("network", network_digest(network)), *versions.of("torch", "mmaction2", *network.packages),
                 code.part(_check))
    return Stage(Key("checked", network.name, shaped_by), f"checking {path.name}", partial(_check, network, path, sha))


def _check(network: Network, path: Path, sha: str, folder: Path) -> Facts:
    classes = networks.head_outputs(network, networks.load_network(network, path, events.say))
    require_unchanged(path, sha, WeightsError)
    return {"classes": classes}
