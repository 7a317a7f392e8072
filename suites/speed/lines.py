"""Lines of a table of shares, each with the limit of what chance may have made of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing, its bound, and whether that holds; no bound holds always."""

    what: str
    measured: str
    bound: str = ""
    kept: bool = True


def upper_limit(hits: int, of: int) -> float:
    """Clopper and Pearson's upper 95 % limit of a share."""
    from scipy.stats import beta
    return 1.0 if hits >= of else float(beta.ppf(0.95, hits + 1, of - hits))


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
