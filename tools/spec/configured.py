"""A file of options: `[tool.clipgate]` of what `--config` names, or of clipgate.toml beside the artifacts."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.errors import OptionError
from tools.spec.faults import Faults, shown
from tools.spec.options import CONFIG, OF_PYTEST, OFF, OPTIONS, Option, Takes
from tools.spec.toml_lines import lines_of
from tools.spec.toml_tables import Part

NAME = "clipgate.toml"
AT = ("tool", "clipgate")
KNOWN = {one.name: one for one in (*OF_PYTEST, *OPTIONS)}
YES = "yes"  # the text of a switch that is on
PAGE = "suites/README.md, 'A file of options', says what it may hold; --config off reads none"
RIGHT: Mapping[Takes, str] = {
    "text": "text", "path": "text", "paths": "text", "number": "a number", "switch": "true or false", "list": "text, or a list of texts",
    "flags": "text, or a list of texts", "yes": "true or false",
}
Check = Callable[[Option, str], object]  # raises an OptionError where an option cannot have a text


@dataclass(frozen=True, slots=True)
class Configured:
    """What a file of options says: the text of each, by its name, as on a command line."""

    path: Path
    said: Mapping[str, str]

    def over(self, left: Collection[str]) -> dict[str, str]:
        """What it says of the options that are *left*, by their names: those that nobody has given."""
        return {name: text for name, text in self.said.items() if name in left}

    def sentence(self, names: Collection[str]) -> str:
        """Which options come from the file, as they would stand on a command line."""
        pairs = [(KNOWN[name].flag, text) for name, text in self.said.items() if name in names]
        words = [word for flag, text in pairs for word in ([flag] if text == YES else [flag, text])]
        return f"from {self.path}: {shlex.join(words) or 'none of these options'}"


def found(config: str, artifacts: str, check: Check) -> Configured | None:
    """What the file *config* says, or the one beside the folder *artifacts*; None where there is none.

    Raises:
        OptionError: it is not there or cannot be read, or it holds what no option takes.
    """
    if config == OFF:
        return None
    path = Path(config or artifacts)
    try:
        path = Path(config or path.resolve().parent / NAME).absolute()
        if not config and not path.is_file():
            if not path.is_symlink() and not path.exists():
                return None
            raise ValueError("it is no file, or a link to none")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError("the file of options is no UTF-8 text", where=str(path), remedy="save it as UTF-8") from error
    except (OSError, ValueError) as error:  # a path that has a NUL too
        why = error.strerror if isinstance(error, OSError) else error
        raise OptionError(f"the file of options cannot be read: {why}", where=str(path),
                          remedy=f"{CONFIG.flag} FILE names another; {CONFIG.flag} off reads none") from error
    return read(path, text, check)


def read(path: Path, text: str, check: Check) -> Configured:
    """What the *text* of the file at *path* says; errors as for `found`."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no toml, too long a number, tables too deep
        raise OptionError(f"{path.name} is no toml: {error}", where=str(path), remedy=PAGE) from error
    faults = Faults()
    whole = Part(table, (), "", faults)
    if AT[0] not in table:
        whole.wrong(f"[{'.'.join(AT)}] is missing")
    tool = whole.inner(AT[0]) if AT[0] in table else None
    part = tool.inner(AT[1]) if tool else None
    said = _said(part, path.parent, check) if part else {}
    faults.settle(path, lambda: lines_of(text), PAGE, OptionError)
    return Configured(path, said)


def _said(part: Part, folder: Path, check: Check) -> dict[str, str]:
    said: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for key, value in part.table.items():
        one = KNOWN.get(key.replace("-", "_"))
        if one is None:
            known = sorted(each.flag.removeprefix("--") for each in KNOWN.values())
            part.wrong(f"has the unknown key {key}; known here: {', '.join(known)}", key)
            continue
        if (before := spelled.setdefault(one.name, key)) != key:
            part.wrong(f"has {before} twice, as {key} too", key)
        text = _text(one, value)
        if text is None or "\0" in text:
            part.wrong(f"{key} = {shown(value)} has the wrong type ({RIGHT[one.takes]})" if text is None else
                       f"{key} = {shown(value)} has a NUL, which no option can have", key)
            continue
        said[one.name] = _from(one, text, folder)
        try:
            check(one, said[one.name])
        except OptionError as error:
            part.wrong(f"{key} = {shown(value)}: {error.what}{f'; {error.remedy}' if error.remedy else ''}", key)
    return {name: text for name, text in said.items() if not (KNOWN[name].takes == "yes" and not text)}


def _text(one: Option, value: object) -> str | None:
    """A value as it would stand on a command line; None where an option cannot have one of its type."""
    if isinstance(value, bool):
        return {"switch": ("off", "on"), "yes": ("", YES)}[one.takes][value] if one.takes in ("switch", "yes") else None
    if isinstance(value, int | float):
        return str(value) if one.takes == "number" else None
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return {"list": ",".join, "flags": shlex.join}[one.takes](value) if one.takes in ("list", "flags") else None
    return value if isinstance(value, str) and one.takes != "yes" else None


def _from(one: Option, text: str, folder: Path) -> str:
    """A *text* whose paths are relative to *folder*, with absolute ones."""
    if one.takes == "path" and text and text not in one.words:
        return str(folder / text)
    if one.takes == "paths" and text:
        named = [re.fullmatch(r"([a-z_][a-z0-9_]*=)?(.+)", part) for part in text.split(",")]
        if all(match and match[1] for match in named):
            return ",".join(f"{match[1]}{folder / match[2]}" for match in named if match)
        return str(folder / text)
    return text
