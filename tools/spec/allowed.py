"""What a nightly run may end well with all the same: the words of `--allow`."""

from __future__ import annotations

from typing import Literal, get_args

from tools.errors import OptionError

Allowed = Literal["mini", "recorded", "no-verdict"]
WORDS: tuple[Allowed, ...] = get_args(Allowed)


def allowed(text: str) -> frozenset[Allowed]:
    """The words of *text*, which commas separate.

    Raises:
        OptionError: a word is none of them.
    """
    said = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in said if word not in WORDS]
    if unknown:
        raise OptionError(f"cannot allow {', '.join(unknown)}", where="--allow", remedy=f"choose of {', '.join(WORDS)}")
    return frozenset(word for word in WORDS if word in said)
