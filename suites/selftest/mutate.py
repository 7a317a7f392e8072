"""Changes single lines of tools/ in a copy and tells which changes no test notices.

python -m suites.selftest.mutate --sample 60 --seed 1
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from suites.selftest.mutation.operators import Mutant, chosen, mutants
from suites.selftest.mutation.trial import Outcome, Trial
from tools.spec.settings import ROOT

EQUIVALENT = Path("suites/selftest/mutation/equivalent.toml")
TOO_FEW, WRONG, INTERRUPTED = 1, 2, 130


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a mutant: *outcome* is None where it was judged equivalent."""

    mutant: Mutant
    outcome: Outcome | None

    @property
    def word(self) -> str:
        if self.outcome is None:
            return "equivalent"
        return "killed" if self.outcome.killer else "survived"

    def __str__(self) -> str:
        by = f" by {self.outcome.killer}" if self.outcome and self.outcome.killer else ""
        of = f"\n    tests: {' '.join(self.outcome.ran) or 'none'}" if self.outcome and not self.outcome.killer else ""
        return f"{self.word}{by}: {self.mutant}{of}"


def room(path: str) -> str:
    """The room of a module by its path from the root; commands share one."""
    parts = Path(path).parts
    return parts[1] if len(parts) > 2 else "commands"


def sampled(root: Path, only: Sequence[str], size: int, seed: int) -> list[Mutant]:
    """Mutants at random, of the rooms and modules (`media`, `tools.media.video`) in *only*, or of all."""
    sources = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in sorted((root / "tools").rglob("*.py"))}
    population = [one for path, source in sources.items()
                  if not only or {room(path), ".".join(Path(path).with_suffix("").parts)} & {*only}
                  for one in mutants(path, source)]
    random.Random(seed).shuffle(population)
    return list(islice(chosen(population, sources), size))


def equivalent(root: Path) -> set[tuple[str, str, str, str]]:
    """The keys of the mutants that nobody could tell from the original; each has its reason beside it."""
    path = root / EQUIVALENT
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.exists() else []
    assert all(row["why"] for row in rows), f"{path}: every mutant needs its reason"
    return {(row["path"], row["within"], row["line"], row["becomes"]) for row in rows}


def tried(trial: Trial, sample: Sequence[Mutant], known: set[tuple[str, str, str, str]]) -> Iterator[Told]:
    for one in sample:
        yield Told(one, None if one.key in known else trial.of(one))


def table(told: Sequence[Told]) -> str:
    """How many of each room ended how."""
    words = ("killed", "survived", "equivalent")
    count = Counter((place, one.word) for one in told for place in (room(one.mutant.path), "all"))
    places = [*sorted({room(one.mutant.path) for one in told}), "all"]
    return "\n".join([f"{'room':14}{''.join(f'{word:>12}' for word in words)}",
                      *(f"{place:14}{''.join(f'{count[place, word]:12}' for word in words)}" for place in places)])


def share(told: Sequence[Told]) -> float:
    """How many of the mutants that a test could notice were noticed; 0 without any, which shows nothing."""
    count = Counter(one.word for one in told)
    return count["killed"] / ((count["killed"] + count["survived"]) or 1)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m suites.selftest.mutate", description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--sample", type=int, default=60, metavar="N", help="how many mutants, at random (60)")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="another seed gives others (1)")
    made.add_argument("--only", action="append", default=[], metavar="ROOM|MODULE", help="of these; may be repeated")
    made.add_argument("--least", type=float, default=95, metavar="PERCENT", help="status 1 if fewer are killed (95)")
    made.add_argument("--timeout-s", type=float, default=900, metavar="S", help="tests that take longer have noticed (900)")
    made.add_argument("--list", action="store_true", help="show the sample and run nothing")
    made.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="the project (this one)")
    return made


def main(arguments: Sequence[str]) -> int:
    """Try a sample of mutants, say what became of each, and end with 0 if enough were killed."""
    options = parser().parse_args(arguments)
    sample = sampled(options.root, options.only, options.sample, options.seed)
    if not sample:
        print(f"no module of {', '.join(options.only) or options.root / 'tools'} has a line to change", file=sys.stderr)
        return WRONG
    if options.list:
        print("\n".join(map(str, sample)))
        return 0
    told: list[Told] = []
    with tempfile.TemporaryDirectory(prefix="clipgate-mutate-") as folder:
        trial = Trial(options.root.resolve(), Path(folder), options.timeout_s)
        try:
            began = time.monotonic()
            for one in tried(trial, sample, equivalent(options.root)):
                told.append(one)
                print(f"[{len(told)}/{len(sample)}, {time.monotonic() - began:.0f} s] {one}", flush=True)
            ended = 0 if share(told) * 100 >= options.least else TOO_FEW
        except KeyboardInterrupt:
            ended = INTERRUPTED
    print(f"\n{table(told)}")
    print(f"{share(told):.1%} of {sum(one.outcome is not None for one in told)} killed; "
          f"sample {len(sample)}, seed {options.seed}, at least {options.least:g} % wanted")
    for test in sorted(trial.unfit):
        print(f"left out, it fails without any change: {test}")
    return ended


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # a job in the background would not hear the first of them
        signal.signal(number, signal.default_int_handler)
    raise SystemExit(main(sys.argv[1:]))
