"""One error class per stage; each names the thing, the place and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

Parts = tuple[str, str, str | None, str | None]  # the class's name, what, where, remedy


class ClipgateError(Exception):
    """A stage could not do its work.

    Args:
        what: the thing that is wrong, in one sentence.
        where: the file (and line), clip or command it was found in.
        remedy: what the reader can do about it.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    @property
    def parts(self) -> Parts:
        """What `revive` needs in another process; a subclass of a stage's error becomes that of the stage."""
        kind = next((kind.__name__ for kind in type(self).__mro__ if kind in STAGES.values()), ClipgateError.__name__)
        return kind, self.what, self.where, self.remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where   {on_one_line(self.where)}")
        if self.remedy:
            lines.append(f"  remedy  {self.remedy}")
        return visible("\n".join(lines))


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Say of an error that leaves this block where it was found, if it does not say so itself."""
    try:
        yield
    except ClipgateError as error:
        error.where = error.where or str(where)
        raise


def visible(text: str) -> str:
    """*text* with control characters, which a file, log or server may hold, as their escapes; lines stay."""
    return "".join(letter if letter == "\n" or letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def on_one_line(text: str) -> str:
    """As `visible`, with line breaks too: names of files may hold them, and would forge lines."""
    return visible(text.replace("\n", "\\n"))


class OptionError(ClipgateError):
    """The options of a run name something that does not exist or does not belong together."""


class TruthError(ClipgateError):
    """A model's toml does not hold what it must, or holds something unknown."""


class StoreError(ClipgateError):
    """The artifact store cannot be read or written."""


class DataError(ClipgateError):
    """A list, a clip or a data set cannot be used as it is."""


class WeightsError(ClipgateError):
    """A checkpoint cannot be loaded into the model it is for."""


class ExportError(ClipgateError):
    """The torch model did not become a valid ONNX graph."""


class CompileError(ClipgateError):
    """A device's compiler did not turn the graph into what the device runs."""


class ReferenceRunError(ClipgateError):
    """The torch reference could not be computed, or is not good enough to judge with."""


class DeviceError(ClipgateError):
    """A device is not there, not healthy, or cannot be asked."""


class GraphError(ClipgateError):
    """A graph that a person gives cannot be read, or is not one of the model."""


class EngineError(ClipgateError):
    """A device could not load or run a graph."""


class LocateError(ClipgateError):
    """What differs cannot be looked for in this graph, or with what is there."""


class MeasureError(ClipgateError):
    """A cell could not be measured."""


class ScoreError(ClipgateError):
    """Results or logs of another tool cannot be read, or do not belong to the labels they came with."""


class RecordError(ClipgateError):
    """A measurement must not become a stored number, or cannot be written where stored numbers live."""


class HistoryError(ClipgateError):
    """What earlier nights measured cannot be read or written, or a folder holds none of it."""


class ClusterError(ClipgateError):
    """Ray is not there, a cluster or a node of it cannot be used, or a task of ours was lost too often."""


class ChildError(ClipgateError):
    """A child process ended without saying why."""


STAGES: dict[str, type[ClipgateError]] = {kind.__name__: kind for kind in ClipgateError.__subclasses__()}


def revive(kind: str, what: str, where: str | None, remedy: str | None) -> ClipgateError:
    """The error of these parts, which another process reported, as the class it raised there."""
    return STAGES.get(kind, ChildError)(what, where=where, remedy=remedy)
