"""What a selection of cells lacks: each thing once, with its cells, and one error that tells all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from tools.errors import ClipgateError, MeasureError, OptionError, Parts, revive
from tools.spec.case import Case

FEW = 4  # cells that a line names


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing or wrong: the *parts* of its error, and the *cases* that it concerns.

    mistake: whether it is one of the command line or of the machine's folders, with which no run is to begin.
    """

    parts: Parts
    cases: tuple[Case, ...]
    mistake: bool = False

    @property
    def error(self) -> ClipgateError:
        """The error that a cell would end in."""
        return revive(*self.parts)

    def who(self, selected: Collection[Case]) -> str:
        """The models or devices whose cells it all concerns, else the cells; empty if it concerns all."""
        if set(selected) <= set(self.cases):
            return ""
        for name in ("model", "device"):
            others = {getattr(case, name) for case in selected if case not in self.cases}
            names = list(dict.fromkeys(getattr(case, name) for case in self.cases))
            if not others & set(names):
                return ", ".join(map(str, names))
        shown = [str(case) for case in self.cases[:FEW]]
        more = len(self.cases) - FEW
        return ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def lacks_of(check: Callable[[], object], cases: Sequence[Case], *, mistake: bool = False) -> list[Lack]:
    """What *check* raises, as a lack of these cases; nothing where all is well."""
    try:
        check()
    except ClipgateError as error:
        return [Lack(error.parts, tuple(cases), mistake)]
    return []


def merged(lacks: Iterable[Lack]) -> tuple[Lack, ...]:
    """Each lack once, in the order in which they were found, with the cases of all that say the same."""
    found: dict[Parts, Lack] = {}
    for lack in lacks:
        before = found.get(lack.parts, Lack(lack.parts, ()))
        cases = tuple(dict.fromkeys((*before.cases, *lack.cases)))
        found[lack.parts] = replace(before, cases=cases, mistake=before.mistake or lack.mistake)
    return tuple(found.values())


def stops(lacks: Sequence[Lack], selected: Collection[Case]) -> bool:
    """Whether no run is to begin: something is a mistake, or every selected cell lacks something."""
    lacking = {case for lack in lacks for case in lack.cases}
    return any(lack.mistake for lack in lacks) or bool(lacks and set(selected) <= lacking)


def as_one(lacks: Sequence[Lack], selected: Collection[Case]) -> ClipgateError:
    """The error that tells all of them: of one its own, of several a list with a number for each."""
    if len(lacks) == 1:
        return lacks[0].error
    lines = [f"{len(lacks)} things are missing or wrong, and nothing has been built:"]
    for number, lack in enumerate(lacks, 1):
        what, *rest = str(lack.error).splitlines()
        who = lack.who(selected)
        lines += [f"{number:3}. {f'{who}: ' if who else ''}{what}", *(f"     {line}" for line in rest)]
    kind = OptionError if all(isinstance(lack.error, OptionError) for lack in lacks) else MeasureError
    return kind("\n".join(lines))


def told(lacks: Sequence[Lack], selected: Collection[Case]) -> list[str]:
    """A line for each lack with which a run begins all the same, since other cells can be measured."""
    return [f"cannot measure {lack.who(selected)}: {' '.join(error.what.split())}{f' ({error.where})' if error.where else ''}"
            for lack in lacks for error in [lack.error]]


def require_none(lacks: Sequence[Lack], selected: Collection[Case]) -> None:
    """Raise the error that tells all of *lacks* where no run is to begin with them."""
    if stops(lacks, selected):
        raise as_one(lacks, selected)


def without(lacks: Iterable[Lack], known: Collection[tuple[Case, object]]) -> tuple[Lack, ...]:
    """The lacks but for the cells that are *known* to end in an error of that class."""
    left = [replace(lack, cases=tuple(case for case in lack.cases if (case, type(lack.error)) not in known)) for lack in lacks]
    return tuple(lack for lack in left if lack.cases)
