"""Whose weights a run judges: the mini ones it makes, the published ones, or a checkpoint of the user's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tools.datasets import clips as data
from tools.datasets import manifest
from tools.datasets import videos as datasets_videos
from tools.datasets.lists import read_list
from tools.datasets.mini import clips as minidata
from tools.datasets.mini import videos
from tools.deployment.published import published
from tools.errors import OptionError, WeightsError
from tools.machine import child, events, versions
from tools.machine.files import sha256
from tools.pytorch import mini_localiser, mini_recogniser, networks
from tools.spec.digest import digest, network_digest, spec_digest
from tools.spec.model import LocaliserSpec, Network, Spec
from tools.spec.settings import Settings
from tools.storage import stages
from tools.storage.elsewhere import missing_makers, require_makers
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import parse
from tools.storage.store import Store


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint of *network*, whose number of outputs comes from its head; *origin* is mini, published or own."""

    path: Path
    sha256: str
    network: Network
    origin: str


def origin(settings: Settings, spec: Spec) -> str:
    """What `--weights` means beside `--data`: mini, published or own.

    Raises:
        OptionError: the two do not belong together.
    """
    chosen, clips = settings.weights, data.source(settings, spec)
    if chosen == "auto":
        if clips not in ("mini", "full"):
            raise OptionError("a list of your own needs to know whose weights to judge", where="--weights",
                              remedy="add --weights published, --weights mini or --weights FILE.pth")
        return "mini" if clips == "mini" else "published"
    word = chosen if chosen in ("mini", "published") else "own"
    if (clips == "mini") != (word == "mini") and clips in ("mini", "full"):
        raise OptionError(f"--data {clips} and --weights {chosen} do not belong together", where="--weights",
                          remedy="mini clips go with mini weights; the full data set with published weights or your own; "
                                 "a list of your own with any")
    return word


def resolve(settings: Settings, spec: Spec, on_event: child.OnEvent) -> tuple[Weights, ...]:
    """The checkpoint of every network of a run, fitted by a child process if they are the mini ones and not in the store.

    Raises:
        WeightsError: the file is no checkpoint of this model, or does not have the published digest.
    """
    word = origin(settings, spec)
    if word == "mini":
        made = _mini_data(settings, spec, on_event)
        entry = stages.find_or_run(Store(settings.store), mini_key(spec, made.key), "tools.deployment.weights",
                                   [spec.name, *settings.arguments()],
                                   "fitting the mini weights (one to two minutes for a full-size network)", on_event)
        files = [(network, f"{network.name}.pth") for network in spec.networks]
        return tuple(Weights(entry.file(name), entry.files[name], network, word) for network, name in files)
    return tuple(_checked(settings, spec, network, path, word, on_event)
                 for network, path in zip(spec.networks, given(settings, spec, word), strict=True))


def given(settings: Settings, spec: Spec, word: str) -> list[Path]:
    """The checkpoint files of published weights or the user's own, one a network.

    Raises:
        WeightsError: naming the file that is not there, or that there are too many to choose from.
    """
    if word == "published":
        return _published(settings, spec)
    chosen = Path(settings.weights)
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
            wanted = " and ".join(f"one {each}*.pth*" for each in found)
            raise WeightsError(f"{len(paths)} files are named {name}*.pth*, not one", where=str(chosen),
                               remedy=f"{spec.name} has several networks: give a folder with {wanted}")
    return [paths[0] for paths in found.values()]


def _published(settings: Settings, spec: Spec) -> list[Path]:
    """The published checkpoints below the artifacts folder, verified as far as their digests are known."""
    found = published(settings.models, settings.artifacts, spec)
    for one in found:
        if not one.place.is_file():
            raise WeightsError(f"the published weights of {one.network} are not there", where=str(one.place), remedy=one.how)
        one.verify(one.place, str(one.place), f"remove it, then {one.how}")
    return [one.place for one in found]


def mini_key(spec: Spec, made: Key) -> Key:
    """*made* is the key of the mini data set that was found, which another machine may have made."""
    revision = mini_localiser.REVISION if isinstance(spec, LocaliserSpec) else mini_recogniser.REVISION
    shaped_by = (("revision", revision), ("spec", spec_digest(spec)), ("mini", digest(asdict(spec.mini))),
                 ("data", made.digest), *versions.of("torch", "mmaction2", "mmcv-lite", "mmengine"))
    return Key("weights", f"{spec.name}-mini", shaped_by)


def _mini_data(settings: Settings, spec: Spec, on_event: child.OnEvent) -> Entry:
    """The mini data set that mini weights are made from.

    Where they cannot be made none is: clips encoded here would stand in the way of those that belong to imported weights.
    """
    wanted = videos.key(spec) if isinstance(spec, LocaliserSpec) else minidata.key(spec.mini)
    fitted = mini_key(spec, wanted)
    if missing_makers(fitted) and Store(settings.store).find(wanted) is None:
        require_makers(settings.store, fitted, "fitting the mini weights", spec.name)
    if isinstance(spec, LocaliserSpec):
        return videos.resolve(settings, spec, on_event)
    return minidata.resolve(settings, spec, on_event)


def _checked(settings: Settings, spec: Spec, network: Network, path: Path, word: str, on_event: child.OnEvent) -> Weights:
    """Load a checkpoint once in a child process; the store remembers that its digest was good."""
    found = sha256(path)
    entry = stages.find_or_run(Store(settings.store), _checked_key(network, found), "tools.deployment.weights",
                              [spec.name, *settings.arguments()], f"checking {path.name}", on_event)
    classes = int(entry.facts["classes"])
    return Weights(path, found, network.with_outputs(classes) if classes else network, word)


def _checked_key(network: Network, sha: str) -> Key:
    shaped_by = (("weights", sha), ("network", network_digest(network)), *versions.of("torch", "mmaction2"))
    return Key("checked", network.name, shaped_by)


def _check(network: Network, path: Path, folder: Path) -> Facts:
    """Load the checkpoint into its network; the classes of its head, 0 for a network that has none."""
    classes = networks.head_outputs(networks.load_network(network, path))
    return {"classes": classes}


def _fit(settings: Settings, spec: Spec, made: Path, folder: Path) -> Facts:
    if isinstance(spec, LocaliserSpec):
        return mini_localiser.build(spec, datasets_videos.read(made / spec.list_file, spec, settings, "training"), folder)
    listed = read_list(made / minidata.TRAIN_LIST, made, spec.classes)
    entry = Store(settings.store, events.say).build(manifest.key(listed), lambda place: manifest.build(listed, place))
    return mini_recogniser.build(spec, manifest.read(listed, entry.file(manifest.FILE)).clips, folder)


def main() -> int:
    """Make or check the weights of a model."""
    _, settings, spec = parse("weights", main.__doc__)
    store, word = Store(settings.store, events.say), origin(settings, spec)
    if word == "mini":
        made = _mini_data(settings, spec, events.forward)
        entries = [store.build(mini_key(spec, made.key), partial(_fit, settings, spec, made.folder))]
    else:
        entries = [store.build(_checked_key(network, sha256(path)), partial(_check, network, path))
                   for network, path in zip(spec.networks, given(settings, spec, word), strict=True)]
    for entry in entries:
        print(entry.folder, *(f"{name}={value}" for name, value in entry.facts.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
