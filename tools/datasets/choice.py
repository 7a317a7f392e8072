"""Which data `--data` means, what rows and reports call it, and where the list of a full data set is."""

from __future__ import annotations

import re
from pathlib import Path

from tools.errors import OptionError
from tools.spec.model import Spec
from tools.storage.context import Context


def chosen(context: Context[Spec]) -> str:
    """`mini`, `full` or the path of a list, or of a folder of features.

    `auto` is `full` where a full list is, or annotations that it can be made of; otherwise it is `mini`.
    """
    settings = context.settings
    if settings.data != "auto":
        return settings.data
    return "full" if settings.data_root and _has_full_data(context.spec, Path(settings.data_root)) else "mini"


def _has_full_data(spec: Spec, data_root: Path) -> bool:
    from tools.datasets import splits  # imported late: collecting a matrix without a data set does not need it

    folder = data_root / spec.dataset
    return (folder / spec.list_file).is_file() or splits.split_file(spec.dataset, folder) is not None


def word(context: Context[Spec]) -> str:
    """The data as rows and reports name them: mini, full, or the list's file name; a subset says its size.

    A folder has its name with a slash, so that none is taken for a data set.
    """
    name, clips = chosen(context), context.settings.clips
    if name not in ("mini", "full"):
        name = Path(name).name + "/" * Path(name).is_dir()
    return f"{name}[{clips}]" if clips else name


def is_some(word: str) -> bool:
    """Whether `word` says so of some clips of a data set whose labels the harness makes or checks itself."""
    return re.fullmatch(r"(mini|full)\[\d+\]", word) is not None


def is_whole_mini(context: Context[Spec]) -> bool:
    """Whether the whole mini set is judged, for which floors are known."""
    return chosen(context) == "mini" and not context.settings.clips


def required_list(context: Context[Spec]) -> Path:
    """The list of the full data set.

    Raises:
        OptionError: it is not there.
    """
    path = _full_list(context)
    if not context.settings.data_root or not path.is_file():
        raise no_list(context)
    return path


def _full_list(context: Context[Spec]) -> Path:
    return Path(context.settings.data_root) / context.spec.dataset / context.spec.list_file


def no_list(context: Context[Spec]) -> OptionError:
    """The error for a full data set that has neither its list nor what the list is made of."""
    from tools.datasets import splits

    spec = context.spec
    annotations = splits.FILES.get(spec.dataset)
    other = f" or what it is made of, annotations/{annotations[0]}" if annotations else ""
    return OptionError(f"--data full: the list of {spec.dataset} is not there", where=str(_full_list(context)),
                       remedy=f"give --data-root DIR with DIR/{spec.dataset}/{spec.list_file}{other}, or use --data mini")
