"""What a stage is: how its command line spells a model and the shared options, and how its artifact is found or built."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

from tools.errors import ChildError
from tools.machine.child import OnEvent, run
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import Settings, add_arguments
from tools.storage.elsewhere import require_makers
from tools.storage.entries import Entry, Key
from tools.storage.store import Store, require_writable


def find_or_run(store: Store, key: Key, module: str, arguments: Sequence[str], doing: str, on_event: OnEvent) -> Entry:
    """The entry *key*, built by `python -m <module> <arguments>` if the store has none.

    Raises:
        StoreError: it has none, and what makes it is not installed here; ClipgateError: what the child reported.
    """
    say: Callable[[str], None] = lambda text: on_event({"kind": "say", "text": text})
    found = Store(store.root, say).find(key)
    if found:
        return found
    require_makers(store.root, key, doing.partition(" (")[0], model=arguments[0])
    say(f"{doing} ...")
    started = time.monotonic()
    run(module, arguments, log=store.root / "logs" / f"{module}-{os.getpid()}.log", on_event=on_event)
    say(f"{doing}: {time.monotonic() - started:.0f} s")
    found = store.find(key)
    if found is None:
        raise ChildError(f"{module} ended well but did not leave {key}", where=str(store.root),
                         remedy="remove the folder and run again; if it comes back, the stage's key is not the same in both processes")
    return found


Options = argparse.Namespace


def parse(stage: str, about: str | None, more: Callable[[argparse.ArgumentParser], object] = lambda parser: None,
          ) -> tuple[Options, Settings, Spec]:
    """Arguments of `python -m tools.<stage> MODEL ...`: as parsed, and the settings and the model they mean.

    Raises:
        OptionError: an option that cannot be meant, or an unknown model; StoreError: the artifacts folder cannot be written.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tools.{stage}", description=about)
    parser.add_argument("model")
    more(parser)
    add_arguments(parser)
    options = parser.parse_args()
    settings = Settings.parse({name: str(value) for name, value in vars(options).items()})
    require_writable(settings.store)
    return options, settings, load_spec(settings.models, options.model)
