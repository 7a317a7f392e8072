"""What training frameworks put around a network's weights: recognised, taken off and named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]

PLAIN = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params")
AVERAGED = ("ema_state_dict", "state_dict_ema", "model_ema", "ema", "ema_state", "ema_model", "model_ema_state_dict",
            "ema_model_state_dict", "averaged_model", "swa_state_dict", "params_ema")
COUNTERS = ("n_averaged", "steps")  # of torch's AveragedModel, of mmengine's
LIGHTNING = "pytorch-lightning_version"
COMPILED = "_orig_mod."
OWN = ("backbone", "neck", "cls_head")  # how mmaction2's own names begin
AROUND = {"module": "'module.' (DataParallel or an averaged model)", "model": "'model.'", "net": "'net.'", "network": "'network.'",
          "recognizer": "'recognizer.'", "backbone": "'backbone.'", "ema_model": "'ema_model.' (EMA)", "model_ema": "'model_ema.' (EMA)",
          "ema": "'ema.' (EMA)"}
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Found:
    """Weights without what was around them; *told*: what that was.

    Where they cannot be taken they are empty. several: the sets of weights of which one must be chosen;
    instead: what is there if none is.
    """

    state: State
    told: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    instead: str = ""


def weights_in(content: object, own: frozenset[str] = frozenset()) -> Found:
    """The only weights that a checkpoint holds, or those that its framework would load.

    own: names of the network; no prefix is taken off where one of them is met.
    """
    if not isinstance(content, Mapping):
        return Found({}, instead=f"it is a {type(content).__name__}")
    if is_state(content):
        return _bare(content, (), own, lightning=False)
    sets = {name: state for name in (*PLAIN, *AVERAGED) if (state := _state(content.get(name)))}
    lightning = LIGHTNING in content or ("hyper_parameters" in content and "state_dict" in content)
    told = ("Lightning",) if lightning else ()
    averaged = [name for name in AVERAGED if name in sets]
    if averaged == ["ema_state_dict"] and "state_dict" in sets and "steps" in sets["ema_state_dict"]:
        return _bare(sets["state_dict"], ("EMA of mmengine, whose 'state_dict' holds the averaged weights",), own, lightning=False)
    if len(sets) != 1:
        return Found({}, told, several=tuple(f"'{name}'{_ema(name)}" for name in sets), instead=f"at its top are {listed(content)}")
    [(name, state)] = sets.items()
    return _bare(state, (*told, *([f"EMA under '{name}'"] if averaged else [])), own, lightning=lightning)


def _ema(name: str) -> str:
    return " (EMA)" if name in AVERAGED else ""


def is_state(content: object) -> TypeGuard[State]:
    """Whether it is a state dict: tensors by their names, and at least one."""
    import torch

    return isinstance(content, Mapping) and bool(content) and all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items())


def listed(names: object) -> str:
    """The first of some names, and how many there are."""
    found = [str(name) for name in names] if isinstance(names, Mapping | Sequence) else []
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return f"{', '.join(found[:SHOWN])}{more}" if found else "no keys"


def _state(value: object) -> State | None:
    """A state dict, or the one that stands alone in a dict, as EMA helpers nest theirs."""
    if is_state(value):
        return value
    inner = [one for name in PLAIN if isinstance(value, Mapping) and is_state(one := value.get(name))]
    return inner[0] if len(inner) == 1 else None


def _bare(state: State, told: tuple[str, ...], own: frozenset[str], *, lightning: bool) -> Found:
    """The weights by the network's own names: every common prefix is taken off and told."""
    notes = [*told]
    if any(COMPILED in key for key in state):
        state = {key.replace(COMPILED, ""): value for key, value in state.items()}
        notes.append("'_orig_mod.' (torch.compile)")
    while not own & state.keys() and (prefix := _prefix(state, lightning=lightning)) is not None:
        counters = [key for key in COUNTERS if key in state]
        others = [key for key in state if not key.startswith(f"{prefix}.") and key not in counters]
        if any(key.partition(".")[0] in AROUND for key in others):
            several = tuple(f"'{name}.'{_ema(name)}" for name in dict.fromkeys(_firsts(state)) if name in AROUND)
            return Found({}, tuple(notes), several)
        notes.append("AveragedModel ('module.' and n_averaged)" if "n_averaged" in counters else AROUND[prefix])
        if others:
            notes.append(f"left out: {listed(others)}")
        state = {key.removeprefix(f"{prefix}."): value for key, value in state.items() if key.startswith(f"{prefix}.")}
    return Found(state, tuple(notes))


def _prefix(state: State, *, lightning: bool) -> str | None:
    """What stands before all names, or in Lightning before all but those of losses; None if nothing."""
    firsts = list(dict.fromkeys(_firsts(state)))
    if firsts == ["backbone"]:  # a network's own name, unless another follows it
        return "backbone" if any(key.startswith(tuple(f"backbone.{own}." for own in OWN)) for key in state) else None
    known = [name for name in firsts if name in AROUND and name != "backbone"]
    around = not set(firsts) & set(OWN) and (lightning or all(name in AROUND for name in firsts))
    return known[0] if known and around else None


def _firsts(state: State) -> Iterator[str]:
    return (key.partition(".")[0] for key in state if key not in COUNTERS)
