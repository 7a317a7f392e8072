"""Configs of mmaction2's networks, of its package or a person's own, and what runs a person's Python."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import TruthError
from tools.machine.reading import UNREADABLE, reason
from tools.spec.model import Network
from tools.spec.own import require_unchanged
from tools.spec.sources import PACKAGE, Own, module_file

if TYPE_CHECKING:
    from mmengine.config import ConfigDict

RAISED = (*UNREADABLE, NameError, ImportError)
LOCALISERS = ("TEM", "PEM")  # of mmaction2, which have no classifier
CLASSIFIER = "cls_head.fc_cls"
IMPORTED: dict[str, str] = {}  # what the modules of a person's folder were made of, by their first name


def model_config(network: Network) -> ConfigDict:
    """The `model` section of the network's config, with the overrides.

    Raises:
        TruthError: the config is not there, cannot be read, or describes no network that is judged here.
    """
    import mmaction
    from mmengine.config import Config

    package = Path(mmaction.__file__).parent / ".mim" / "configs"
    path = Path(network.own.start) if network.own else package / network.config
    if not path.is_file():
        raise TruthError(f"the config {network.config!r} is neither beside the model's file nor one of mmaction2", where=str(path),
                         remedy=f"name one of those below {package}, or put your own beside the model's file")
    with running(network.own, f"mmengine cannot read the config {network.config}", path), _inheriting(package):
        config = Config.fromfile(path)
        for key, value in network.overrides:
            config.merge_from_dict({f"model.{key}": value})
        model: ConfigDict = config.get("model")
        told = model.get("type") if isinstance(model, dict) else None
    if told not in LOCALISERS and not (told and "cls_head" in model):
        raise TruthError(f"the config {network.config} describes no recogniser: " + (f"its model is {told} without cls_head" if told
                         else "it has no `model` with a type"), where=str(path),
                         remedy=f"give a config whose model has a backbone and a cls_head with the layer {CLASSIFIER}")
    return model


@contextmanager
def _inheriting(package: Path) -> Iterator[None]:
    """Let mmengine find what `mmaction::` begins without setuptools, which it would ask for the package."""
    from mmengine.config import Config

    def path_of(name: str, heir: str) -> tuple[str, None]:
        own = name.removeprefix(PACKAGE)
        return str((Path(heir).parent if own == name else package) / own), None

    before = Config._get_cfg_path
    Config._get_cfg_path = staticmethod(path_of)
    try:
        yield
    finally:
        Config._get_cfg_path = staticmethod(before)


@contextmanager
def running(own: Own | None, doing: str, start: Path) -> Iterator[None]:
    """Run a person's code, whose modules can be imported meanwhile, those of its own folder first.

    Raises:
        TruthError: the code raised something, or its files have changed since the keys were made of them.
    """
    folders = [root for root, only in own.roots if not only] if own else []
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _forget_others(own)
    sys.path[:0] = folders
    try:
        yield
    except RAISED as error:
        raise TruthError(f"{doing}: {type(error).__name__}: {reason(error).splitlines()[0]}", where=_line(error, start, folders),
                         remedy="correct that line, or what it is given") from error
    finally:
        sys.dont_write_bytecode = before
        for folder in folders:
            sys.path.remove(folder)
    if own:
        require_unchanged(own)


def _forget_others(own: Own | None) -> None:
    """Drop the modules of a person's folder that this process has imported with another content."""
    importlib.invalidate_caches()
    folders = [root for root in own.roots if not root[1]] if own else []
    for top in {name.partition(".")[0] for name in own.modules} if own else ():
        made_of = f"{own} {folders}"
        if module_file(top, folders) and IMPORTED.get(top) != made_of:
            for name in list(sys.modules):
                if name == top or name.startswith(f"{top}."):
                    del sys.modules[name]
            IMPORTED[top] = made_of


def _line(error: BaseException, start: Path, folders: list[str]) -> str:
    """The last line of a person's files at which it stopped; else the file that was begun with."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename == str(start) or frame.filename.startswith(tuple(f"{folder}/" for folder in folders))]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(start)
