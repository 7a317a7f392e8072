"""Which data `--data` means, what rows and reports call it, and where the list of a full data set is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import OptionError
from tools.spec.model import ModelSpec, Spec
from tools.storage.context import Context

if TYPE_CHECKING:
    from tools.datasets.listing import Listing


def chosen(context: Context[Spec]) -> str:
    """`mini`, `full` or the path of a list; `auto` is `full` where the list, or what it is made of, is found, else `mini`."""
    settings = context.settings
    if settings.data != "auto":
        return settings.data
    return "full" if settings.data_root and _is_there(context.spec, Path(settings.data_root)) else "mini"


def _is_there(spec: Spec, data_root: Path) -> bool:
    from tools.datasets import listing  # only where there is a data set: collecting a matrix asks here

    return listing.exists(spec, data_root)


def word(context: Context[Spec]) -> str:
    """The data as rows and reports name them: mini, full, or the list's file name; a subset says its size."""
    name, clips = chosen(context), context.settings.clips
    name = name if name in ("mini", "full") else Path(name).name
    return f"{name}[{clips}]" if clips else name


def is_whole_mini(context: Context[Spec]) -> bool:
    """Whether the whole mini set is judged, for which floors are known."""
    return chosen(context) == "mini" and not context.settings.clips


def full_list(context: Context[Spec]) -> Path:
    """Where the list of the full data set belongs."""
    return Path(context.settings.data_root) / context.spec.dataset / context.spec.list_file


def required_list(context: Context[Spec]) -> Path:
    """The list of the full data set.

    Raises:
        OptionError: it is not there.
    """
    from tools.datasets import splits

    spec, path = context.spec, full_list(context)
    if not context.settings.data_root or not path.is_file():
        made_of = splits.FILES.get(spec.dataset)
        other = f" or what it is made of, annotations/{made_of[0]}" if made_of else ""
        raise OptionError(f"--data full: the list of {spec.dataset} is not there", where=str(path),
                          remedy=f"give --data-root DIR with DIR/{spec.dataset}/{spec.list_file}{other}, or use --data mini")
    return path


def required_listing(context: Context[ModelSpec], classes: int) -> Listing:
    """The rows of a recogniser's full data set, of its list or of the annotations it is made of.

    Raises:
        OptionError: neither is there.
    """
    from tools.datasets import listing

    root = context.settings.data_root
    found = listing.find(context.spec, Path(root), classes) if root else None
    if found is None:
        required_list(context)
        raise AssertionError("a list that is there was not found")
    return found
