"""What a parser does with an option that counts each time it is given."""

from __future__ import annotations

import argparse


class Joined(argparse.Action):
    """Keeps all that an option is given, with commas between; what it has already adds nothing.

    So a worker of pytest-xdist, which is handed what was read and reads the same words again, has it once.
    """

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option_string: str | None = None,
                 ) -> None:
        kept = [part for part in getattr(namespace, self.dest).split(",") if part]
        more = [part for part in str(values).split(",") if str(values) and part not in kept]
        setattr(namespace, self.dest, ",".join([*kept, *more]))
