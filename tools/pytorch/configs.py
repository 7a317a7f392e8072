"""Configs of mmaction2's networks: those of its package, or a person's own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import TruthError
from tools.machine.own_code import running
from tools.spec.model import Network
from tools.spec.sources import PACKAGE

if TYPE_CHECKING:
    from mmengine.config import ConfigDict

LOCALISERS = ("TEM", "PEM")  # of mmaction2, which have no classifier
CLASSIFIER = "cls_head.fc_cls"


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
    except Exception as error:
        traceback.clear_frames(error.__traceback__)  # mmengine leaves a file open in them, which Python complains of later
        raise
    finally:
        Config._get_cfg_path = staticmethod(before)
