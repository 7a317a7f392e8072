"""Reads a command line: refuses by its name what is of other commands, and tells a shell how it may go on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tools.errors import ClipgateError
from tools.spec import configured
from tools.spec.allowed import WORDS
from tools.spec.case import BATCHES
from tools.spec.catalog import model_names
from tools.spec.options import ARTIFACTS, CONFIG, FLAGS, MODELS, OFF, OPTIONS, UsualPath
from tools.spec.settings import require

ASKED = "_ARGCOMPLETE"  # of the environment, where a shell asks how a command line may go on
Devices = Callable[[], Iterable[object]]  # those of this machine


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str], devices: Devices | None = None) -> argparse.Namespace:
    """What *arguments* say; devices: what `--device` may name, for a shell that asks.

    An option of other commands ends this one with status 2, as an unknown one does, and is named.
    """
    for one in _parts(parser):
        one.allow_abbrev = False  # else --data of another command would be taken for --data-root
    if ASKED in os.environ:
        import argcomplete

        complete(parser, devices)
        argcomplete.autocomplete(parser, always_complete_options=False)
    options, left = parser.parse_known_args(arguments)
    elsewhere = [flag for flag in FLAGS if any(word == flag or word.startswith(f"{flag}=") for word in left)]
    if elsewhere:
        parser.error(f"{', '.join(elsewhere)}: not for this command, which makes no use of {'them' if len(elsewhere) > 1 else 'it'}; "
                     "--help lists what it takes")
    if left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    return options


def with_places(options: argparse.Namespace) -> argparse.Namespace:
    """The same *options* with the folders that a file of options names, where the command line names none."""
    usual = {name: path for name, path in vars(options).items() if isinstance(path, UsualPath)}
    file = configured.found(options.config, str(getattr(options, "artifacts", ARTIFACTS)), require) if usual else None
    said = dict(file.said) if file else {}
    for name, path in usual.items():
        if said.get(name, OFF) != OFF:
            setattr(options, name, Path(said[name]))
        elif "artifacts" in said and path.is_relative_to(ARTIFACTS):
            setattr(options, name, Path(said["artifacts"], path.relative_to(ARTIFACTS)))
    return options


def complete(parser: argparse.ArgumentParser, devices: Devices | None = None) -> None:
    """Tell argcomplete what the values of our options may be, and of `-m`; nothing where no shell asks."""
    if ASKED not in os.environ:
        return
    from argcomplete.completers import FilesCompleter

    files = FilesCompleter()
    found: dict[str, Callable[..., list[str]]] = {"model": _models, "markexpr": partial(_marks, devices=devices)}
    for one in (CONFIG, *OPTIONS):
        if one.takes in ("path", "paths"):
            found[one.name] = lambda prefix, words=tuple(one.words), **_: [*_those(words, prefix), *files(prefix)]
        else:
            found[one.name] = lambda prefix, words=tuple(one.words), **_: _those(words, prefix)
    found["allow"] = lambda prefix, **_: _those(WORDS, prefix)
    for action in (action for one in _parts(parser) for action in one._actions):
        if action.dest in found and not action.choices:
            setattr(action, "completer", found[action.dest])  # noqa: B010 - argcomplete looks for it, argparse does not know it
        elif action.dest == "device" and devices:
            words = ("auto",) if str(action.metavar).startswith("auto") else ()
            setattr(action, "completer", partial(_devices, devices=devices, words=words))  # noqa: B010


def _parts(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its subcommands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _those(words: Iterable[str], prefix: str) -> list[str]:
    return [word for word in words if word.startswith(prefix)]


def _models(prefix: str, parsed_args: argparse.Namespace | None = None, **_: object) -> list[str]:
    try:
        return _those(model_names(Path(getattr(parsed_args, "models", None) or MODELS)), prefix)
    except (ClipgateError, OSError):
        return []


def _marks(prefix: str, parsed_args: argparse.Namespace | None = None, devices: Devices | None = None, **_: object) -> list[str]:
    """Models, batch sizes, and families of devices that are here, as `-m` selects by."""
    families = dict.fromkeys(str(device).partition(":")[0] for device in (devices() if devices else ()))
    return [*_models(prefix, parsed_args), *_those((*(f"bs{batch}" for batch in BATCHES), *families), prefix)]


def _devices(prefix: str, devices: Devices, words: tuple[str, ...], **_: object) -> list[str]:
    """Devices of this machine, and *words* that stand alone; behind a comma those that are not named yet."""
    before, comma, last = prefix.rpartition(",")
    there = [str(device) for device in devices() if str(device) not in before.split(",")]
    return [f"{before}{comma}{word}" for word in _those(there if comma else [*words, *there], last)]
