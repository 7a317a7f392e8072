"""What every step of a run is given: the options, the model, the store, and where to report progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from tools.machine.events import OnEvent, forward
from tools.spec.model import Spec
from tools.spec.settings import Settings

if TYPE_CHECKING:  # collecting a matrix has contexts and no store
    from tools.storage.store import Store

S = TypeVar("S", bound=Spec, covariant=True)
T = TypeVar("T", bound=Spec)


@dataclass(frozen=True, slots=True)
class Context(Generic[S]):
    """A run's options and its model; *on_event* is told what is being done, by default the terminal.

    others: what the run has used so far that other code made, in words; it grows, and `of` shares it.
    used: the manifests of the entries that it has found, in their order; it grows and is shared as well.
    makes: the kinds of entries that it may make; None: all. sent: the manifests of entries that were made for
    it elsewhere, whatever packages are here.
    """

    settings: Settings
    spec: S
    on_event: OnEvent = forward
    others: list[str] = field(default_factory=list, compare=False)
    used: list[Path] = field(default_factory=list, compare=False)
    makes: frozenset[str] | None = None
    sent: tuple[Path, ...] = ()

    def of(self, spec: T) -> Context[T]:
        """The same run, typed for the kind of model that *spec* is."""
        return Context(self.settings, spec, self.on_event, self.others, self.used, self.makes, self.sent)

    @property
    def store(self) -> Store:
        """The store of this run, which reports damaged entries and whom it waits for."""
        from tools.storage.store import Store

        return Store(self.settings.store, self.say, self._note, self._use, self.sent)

    def _note(self, other: str) -> None:
        if other not in self.others:
            self.others.append(other)
            self.say(other)

    def _use(self, manifest: Path) -> None:
        if manifest not in self.used:
            self.used.append(manifest)

    def say(self, text: str) -> None:
        self.on_event({"kind": "say", "text": text})
