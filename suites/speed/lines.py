"""Lines of a table of shares, each with the limit of what chance may have made of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing, its bound, and whether that holds; no bound holds always."""

    what: str
    measured: str
    bound: str = ""
    kept: bool = True


def upper_limit(hits: int, of: int) -> float:
    """Clopper and Pearson's upper 95 % limit of a share: so few hits would be seen in 5 % of tries."""
    if hits >= of:
        return 1.0
    seen = np.arange(hits + 1)
    ways = math.lgamma(of + 1) - np.array([math.lgamma(one + 1) + math.lgamma(of - one + 1) for one in seen])
    low, high = hits / of, 1.0
    for _ in range(60):
        share = (low + high) / 2
        few = np.exp(ways + seen * math.log(share) + (of - seen) * math.log1p(-share)).sum()
        low, high = (share, high) if few > 0.05 else (low, share)
    return high


def at_most(what: str, hits: int, of: int, bound: float) -> Line:
    """A share of nights that must be small, by its upper limit."""
    limit = upper_limit(hits, of)
    return Line(what, f"{1000 * hits / of:.2g} in 1,000, at most {1000 * limit:.2g} ({hits} of {of})", f"at most {1000 * bound:g} in 1,000",
                limit <= bound)


def at_least(what: str, hits: int, of: int, bound: float | None) -> Line:
    """A share that must be large: what is missing from it is small by its upper limit."""
    limit = 1 - upper_limit(of - hits, of)
    measured = f"{100 * hits / of:.4g} %, at least {100 * limit:.4g} %"
    return Line(what, measured) if bound is None else Line(what, measured, f"at least {100 * bound:g} %", limit >= bound)


def stated(what: str, measured: str) -> Line:
    """What is told and has no bound."""
    return Line(what, measured)
