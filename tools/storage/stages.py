"""One way for every stage's command line to spell a model, its own arguments and the shared options."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tools.catalog import load_spec
from tools.settings import Settings, add_arguments
from tools.spec import Spec
from tools.store import require_writable

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
