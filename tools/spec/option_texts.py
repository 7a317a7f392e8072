"""What the text of an option means, whatever the others are; an OptionError where it means nothing."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import TypeVar

from tools.errors import OptionError
from tools.spec.options import ALL

RIGHT = {  # what an option that takes a number takes
    "--clips": f"a whole number from 1 on, or {ALL}; for example --clips 24",
    "--budget-s": "seconds above 0, for example --budget-s 10; what pytest -k accuracy selects is not timed at all",
    "--confirm": "a whole number from 0 on, or auto; for example --confirm 20",
    "--ray-shard": "a whole number from 1 on, or auto; for example --ray-shard 500",
    "--timeout-s": "seconds above 0, for example --timeout-s 900",
    "--atc-timeout-s": "seconds above 0, for example --atc-timeout-s 3600",
}
AUTO = "auto"
MOST = 10**7  # clips of a list, and times that a speed is measured again
DEVICES = re.compile(r"auto|[a-z]+(:\d+)?(,[a-z]+(:\d+)?)*")
CLUSTER = re.compile(r"auto|(ray://)?[^\s:/]+:\d{1,5}")
Word = TypeVar("Word", bound=str)


def folder(text: str, flag: str, remedy: str) -> str:
    """The absolute path of a folder that is there; empty where none is given."""
    if text and not Path(text).is_dir():
        raise OptionError(f"no such folder: {text}", where=flag, remedy=remedy)
    return str(Path(text).resolve()) if text else ""


def no_history(folder: str) -> str:
    """What to do where the folder of a history is not there."""
    return ("correct the name, or mount the share; where no history is yet, make one: "
            f"python -m tools.history init {shlex.quote(folder)}")


def confirm(text: str) -> int | None:
    """How often a speed is measured again; None where the kind of run decides."""
    if text == "auto":
        return None
    if not text.isdecimal():
        raise OptionError(f"not a number of times: {text}", where="--confirm", remedy=RIGHT["--confirm"])
    if len(text) > len(str(MOST)) or int(text) > MOST:
        raise OptionError(f"nobody measures that often: at most {MOST} times", where="--confirm", remedy=f"give {RIGHT['--confirm']}")
    return int(text)


def cluster(text: str) -> str:
    """The address of a Ray cluster; empty where none is given."""
    if text and not CLUSTER.fullmatch(text):
        raise OptionError(f"this is no address of a Ray cluster: {text}", where="--ray",
                          remedy="give auto, HOST:6379 as `ray start` says it, or ray://HOST:10001")
    return text


def word(text: str, words: tuple[Word, ...], flag: str) -> Word:
    """The one of *words* that the text is."""
    found = next((one for one in words if one == text), None)
    if found is None:
        raise OptionError(f"no such choice: {text}", where=flag, remedy=f"choose {' or '.join(words)}")
    return found


def word_or_auto(text: str, words: tuple[Word, ...], flag: str) -> Word:
    """One of *words*, whose first is the empty one and said as `auto`."""
    if text == AUTO:
        return words[0]
    named: tuple[str, ...] = (AUTO, *words[1:])
    return words[named.index(word(text, named, flag))]


def word_or_file(text: str, words: tuple[str, ...], flag: str, what: str, *, folder: bool = False) -> str:
    """One of *words*, or the absolute path of a file, or of a *folder*, which is *what*."""
    if text in words:
        return text
    if not (Path(text).is_file() or (folder and Path(text).is_dir())):
        raise OptionError(f"no such choice or file: {text}", where=flag, remedy=f"choose {', '.join(words)}, or the path of {what}")
    return str(Path(text).resolve())


def number(text: str, flag: str) -> float:
    """A finite number above 0, a whole one where the option counts."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not (math.isfinite(found) and found > 0) or (flag in ("--clips", "--ray-shard") and found != int(found)):
        raise OptionError(f"{text!r} is not a number that {flag} can take", where=flag, remedy=f"give {RIGHT[flag]}")
    if flag == "--clips" and found > MOST:
        raise OptionError(f"there is no such list: it would have more than {MOST} clips", where=flag, remedy=f"give {RIGHT[flag]}")
    return found
