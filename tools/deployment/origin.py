"""What `--weights` means beside `--data`; a light module of its own, since collecting a matrix imports it."""

from __future__ import annotations

from tools.datasets import choice
from tools.errors import OptionError
from tools.spec.given import GRAPH, is_file_alone
from tools.spec.model import Spec
from tools.storage.context import Context


def origin(context: Context[Spec]) -> str:
    """What `--weights` means beside `--data`: mini, published or own; graph for an ONNX file alone.

    Raises:
        OptionError: the two do not belong together.
    """
    chosen = context.settings.weights
    if is_file_alone(context.spec):
        if chosen != "auto":
            raise OptionError(f"{context.spec.name} is an ONNX file alone, and its weights are in that file", where=f"--weights {chosen}",
                              remedy="leave --weights out; --graph FILE judges another file beside the model's own")
        return GRAPH
    data = choice.chosen(context)
    if chosen == "auto":
        if data not in ("mini", "full"):
            raise OptionError("a list of your own needs to know whose weights to judge", where="--weights",
                              remedy="add --weights published, --weights mini or --weights FILE.pth")
        return "mini" if data == "mini" else "published"
    word = chosen if chosen in ("mini", "published") else "own"
    if (data == "mini") != (word == "mini") and data in ("mini", "full"):
        raise OptionError(f"--data {data} and --weights {chosen} do not belong together", where="--weights",
                          remedy="mini clips go with mini weights; the full data set with published weights or your own; "
                                 "a list of your own with any")
    return word
