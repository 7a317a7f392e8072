"""Stages: artifacts of a run, found in the store or made by a child process; the arguments of commands."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.errors import ChildError, StoreError
from tools.machine import child, events, quiet
from tools.machine.event import Event
from tools.machine.files import require_room
from tools.machine.progress_words import duration
from tools.spec.catalog import load_spec
from tools.spec.command_line import Devices, parsed
from tools.spec.model import Spec
from tools.spec.options import USES, add_arguments
from tools.spec.settings import Settings
from tools.storage import access, durations, elsewhere
from tools.storage.context import Context
from tools.storage.elsewhere import require_makers
from tools.storage.entries import Entry, Facts, Key
from tools.storage.store import Store, require_writable

Options = argparse.Namespace
More = Callable[[argparse.ArgumentParser], object]  # adds arguments to a parser


@dataclass(frozen=True, slots=True)
class Stage:
    """One artifact: the *key* it is found by, what a user reads while it is made, and what makes it.

    build: fills an empty folder and returns facts to note. It travels to a child process, so it is a function
    of a module or a `partial` of one. takes: how long it takes, for a user who waits.
    least_bytes: what it writes at least, where that is known and large.
    """

    key: Key
    doing: str
    build: Callable[[Path], Facts]
    takes: str = ""
    least_bytes: int = 0

    def make(self, context: Context[Spec]) -> Entry:
        """The entry, made in this process if the store has none: for the command that makes this artifact."""
        store, started = context.store, time.monotonic()
        found = store.find(self.key)
        if found:
            return found
        require_room(self.least_bytes, store.root, self.doing)
        self._announce(context)
        with quiet.working(context.settings.locks, context.say):
            made = store.build(self.key, self.build)
        durations.note(store.root, self.key, time.monotonic() - started)
        context.on_event({"kind": "ended", "text": self.doing})
        return made

    def find_or_run(self, context: Context[Spec]) -> Entry:
        """The entry, made by a child process if the store has none.

        Raises:
            StoreError: the store has none, and a package that makes it, or the room for it, is missing.
            ClipgateError: the child reported it.
        """
        entry = context.store.find(self.key)
        if entry:
            return entry
        root = context.settings.store
        self._require_allowed(context)
        require_makers(root, self.key, self.doing, context.spec.name)
        require_room(self.least_bytes, root, self.doing)
        started = time.monotonic()
        log = root / "logs" / f"{self.key.kind}-{self.key.name}-{os.getpid()}.log"
        try:
            self._announce(context)
            child.call(partial(_make, self, root, context.settings.locks), self.doing, log=log, on_event=context.on_event)
        except OSError as error:
            if not access.is_ours(error, root):
                raise
            raise access.broken(error, root) from error
        finally:
            context.on_event({"kind": "ended", "text": self.doing})
        took = time.monotonic() - started
        context.say(f"{self.doing}: {took:.0f} s")
        durations.note(root, self.key, took)
        entry = context.store.find(self.key)
        if entry is None:
            raise ChildError(f"{self.key} was made and is not there", where=str(root),
                             remedy="somebody removes entries while they are made: run it again")
        return entry


    def _require_allowed(self, context: Context[Spec]) -> None:
        """Check that the run may make an entry of this kind: others depend on whose it is."""
        if context.makes is None or self.key.kind in context.makes:
            return
        why = elsewhere.why_anew(context.settings.store, self.key)
        raise StoreError(f"{self.doing} is not for this run to do, and the store has no {self.key.kind}/{self.key.name} that fits"
                         + (f": {why}" if why else ""), where=str(context.settings.store))

    def _announce(self, context: Context[Spec]) -> None:
        """Say what begins, and how long it took here last time; else how long it takes in words."""
        usual = durations.last(context.settings.store, self.key)
        takes = f"about {duration(usual)}, as last time" if usual is not None else self.takes
        context.say(f"{self.doing}{f' ({takes})' if takes else ''} ...")
        begins: Event = {"kind": "stage", "text": self.doing, "takes": self.takes}
        context.on_event({**begins, "usual_s": usual} if usual is not None else begins)


def _make(stage: Stage, root: Path, locks: str) -> None:
    with quiet.working(locks, events.say):
        Store(root, events.say).build(stage.key, stage.build)


def parse(command: str, about: str | None, arguments: Sequence[str], more: More = lambda parser: None, *,
          writable: bool = True, devices: Devices | None = None) -> tuple[Options, Context[Spec]]:
    """Arguments of `python -m tools.<command> MODEL ...` as parsed, and the run that they describe.

    writable: whether the artifacts folder must be; a command that asks for all that is missing asks itself.
    devices: what its `--device` may name, for a shell that asks.

    Raises:
        OptionError: an option has a value it cannot have, or the model is unknown.
        StoreError: the artifacts folder cannot be written.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tools.{command}", description=about)
    add_run_arguments(parser, USES[command], more)
    options = parsed(parser, arguments, devices)
    return options, context_of(options, writable=writable)


def add_run_arguments(parser: argparse.ArgumentParser, flags: Collection[str], more: More = lambda parser: None) -> None:
    """The model, a command's own arguments, and those of the shared options that it makes use of."""
    parser.add_argument("model")
    more(parser)
    add_arguments(parser, flags)


def context_of(options: Options, *, writable: bool = True) -> Context[Spec]:
    """The run that these options describe; the rest as for `parse`."""
    settings = Settings.of(options)
    if writable:
        require_writable(settings.store)
    context = Context(settings, load_spec(settings.models, options.model))
    if settings.configured:
        context.say(f"options {settings.configured}")
    return context
