"""Whose weights a run judges: the mini ones it makes, the published ones, or a checkpoint of the user's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from tools import child, data, events, manifest, minidata, miniweights, peer, versions
from tools.catalog import load_truth
from tools.clips import read_list
from tools.commandline import parse
from tools.entries import Facts, Key
from tools.errors import OptionError, WeightsError
from tools.files import sha256
from tools.settings import Settings
from tools.spec import ModelSpec, digest, spec_digest
from tools.store import Store

CLASSES = "classes.txt"


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint: *origin* is mini, published or own; *classes* comes from its head."""

    path: Path
    sha256: str
    classes: int
    origin: str


def origin(settings: Settings, spec: ModelSpec) -> str:
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


def resolve(settings: Settings, spec: ModelSpec, on_event: child.OnEvent) -> Weights:
    """The checkpoint of a run, fitted by a child process if it is the mini one and not in the store.

    Raises:
        WeightsError: the file is no checkpoint of this model, or does not have the published digest.
    """
    word = origin(settings, spec)
    if word == "mini":
        minidata.resolve(settings, spec, on_event)
        entry = child.find_or_run(Store(settings.store), mini_key(spec), "tools.weights", [spec.name, *settings.arguments()],
                                  "fitting the mini weights (one to two minutes for a full-size network)", on_event)
        return Weights(entry.file(miniweights.FILE), entry.files[miniweights.FILE], spec.classes, word)
    path = published(settings, spec) if word == "published" else Path(settings.weights)
    return _checked(settings, spec, path, word, on_event)


def published(settings: Settings, spec: ModelSpec) -> Path:
    """The published checkpoint below the artifacts folder, its digest compared with the one in its name."""
    stored = load_truth(settings.models, spec.name).weights
    if stored is None:
        raise WeightsError(f"no weights of {spec.name} were published", remedy="give a checkpoint with --weights FILE")
    path = settings.artifacts / "weights" / stored.file
    if not path.is_file():
        raise WeightsError("the published weights are not there", where=str(path), remedy=f"download {stored.url} to that place")
    if not sha256(path).startswith(stored.sha256_prefix):
        raise WeightsError(f"the file's sha256 does not begin with {stored.sha256_prefix}", where=str(path),
                           remedy=f"it is damaged or another file: download {stored.url} again")
    return path


def mini_key(spec: ModelSpec) -> Key:
    shaped_by = (("revision", miniweights.REVISION), ("spec", spec_digest(spec)), ("mini", digest(asdict(spec.mini))),
                 ("data", minidata.key(spec.mini).digest), *versions.of("torch", "mmaction2", "mmcv-lite", "mmengine"))
    return Key("weights", f"{spec.name}-mini", shaped_by)


def _checked(settings: Settings, spec: ModelSpec, path: Path, word: str, on_event: child.OnEvent) -> Weights:
    """Load a checkpoint once in a child process; the store remembers that its digest was good."""
    found = sha256(path)
    entry = child.find_or_run(Store(settings.store), _checked_key(spec, found), "tools.weights",
                              [spec.name, *settings.arguments()], f"checking {path.name}", on_event)
    return Weights(path, found, int(entry.file(CLASSES).read_text()), word)


def _checked_key(spec: ModelSpec, sha: str) -> Key:
    return Key("checked", spec.name, (("weights", sha), ("spec", spec_digest(spec)), *versions.of("torch", "mmaction2")))


def _check(spec: ModelSpec, path: Path, folder: Path) -> Facts:
    peer.load_network(spec, path)
    classes = peer.class_count(peer.read_checkpoint(path), path)
    (folder / CLASSES).write_text(f"{classes}\n")
    return {"classes": classes}


def _fit(settings: Settings, spec: ModelSpec, folder: Path) -> Facts:
    made = minidata.resolve(settings, spec, events.forward).folder
    listed = read_list(made / minidata.TRAIN_LIST, made, spec.classes)
    entry = Store(settings.store, events.say).build(manifest.key(listed), lambda place: manifest.build(listed, place))
    return miniweights.build(spec, manifest.read(listed, entry.file(manifest.FILE)).clips, folder)


def main() -> int:
    """Make or check the weights of a model."""
    _, settings, spec = parse("weights", main.__doc__)
    store, word = Store(settings.store, events.say), origin(settings, spec)
    if word == "mini":
        entry = store.build(mini_key(spec), lambda folder: _fit(settings, spec, folder))
    else:
        path = published(settings, spec) if word == "published" else Path(settings.weights)
        entry = store.build(_checked_key(spec, sha256(path)), lambda folder: _check(spec, path, folder))
    print(entry.folder, *(f"{name}={value}" for name, value in entry.facts.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
