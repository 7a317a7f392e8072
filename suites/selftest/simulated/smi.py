"""Stand-in for `npu-smi`; standard library only."""

from __future__ import annotations

import sys
import time
from typing import Any

from simulated import smi_layouts, state


def main() -> int:
    """Answer one command line and return the exit status."""
    slow = state.due("smi-slow")
    if slow:
        time.sleep(slow.get("seconds", 3))
    refused = state.due("smi-refused")
    if refused:
        print(refusal(refused.get("code", -8020)))
        return 255
    arguments = sys.argv[1:]
    if arguments == ["info"]:
        print(status())
    elif arguments == ["info", "-m"]:
        print(mapping())
    elif arguments == ["info", "-l"]:
        print(listing())
    elif arguments in (["-v"], ["--version"]):
        print(f"npu-smi version: {state.read()['driver']}")
    else:
        print("Error parameter of -t" if "-t" in arguments else "Invalid command, try 'npu-smi -h'")
        return 1
    return 0


def refusal(code: int) -> str:
    """What the driver's library says when it cannot be used."""
    reason = "dcmi model initialized failed, because the device is used." if code == -8020 else "dcmi module initialize failed."
    return f"{reason} ret is {code}"


def status() -> str:
    """The overview, in the layout of the simulated driver."""
    now = state.read()
    if state.due("smi-unreadable"):
        return "\x1b[31mHwHiAiUser\x00 | 4 | ??? |\n| 0 | Segmentation | fault (core | dumped)"
    return "\n".join(smi_layouts.LAYOUTS[now["smi"]](now, [chip(now, entry) for entry in now["devices"]]))


def chip(now: dict[str, Any], entry: dict[str, int]) -> smi_layouts.Chip:
    """One device as the driver sees it: our own sessions, and the foreign process a fault puts there."""
    device = entry["device"]
    mine = [held for held in state.sessions() if held["device"] == device]
    processes = [(held["pid"], held["name"], held["memory_mb"]) for held in mine]
    aicore = 63 if any(state.running(held["pid"]) for held in mine) else 0
    busy = state.due("busy", device=device)
    if busy:
        processes.append((busy.get("pid", 293029), busy.get("name", "python3.8"), busy.get("memory_mb", 6612)))
        aicore = busy.get("aicore", 87)
    health = state.due("health", device=device)
    word = "Critical" if state.lost(device) else health.get("word", "Warning") if health else "OK"
    return smi_layouts.Chip(now["chip"], word, aicore, processes, **entry)


def mapping() -> str:
    """NPU id, chip id and logical id of every chip; a card's controller has no logical id."""
    now = state.read()
    wide = now["smi"] == "new"
    heads = ["NPU ID", "Chip ID", "Chip Logic ID", *(["Chip Phy-ID"] if wide else []), "Chip Name"]
    rows = []
    for npu in dict.fromkeys(entry["npu"] for entry in now["devices"]):
        chips = [entry for entry in now["devices"] if entry["npu"] == npu]
        rows += [[npu, entry["chip"], entry["device"], *([entry["device"]] if wide else []), f"Ascend {now['chip']}"] for entry in chips]
        rows.append([npu, len(chips), "-", *(["-"] if wide else []), "Mcu"])
    return "\n".join("        " + "".join(f"{cell!s:<31}" for cell in row).rstrip() for row in [heads, *rows])


def listing() -> str:
    """How many cards there are and how many chips on each."""
    devices = state.read()["devices"]
    npus = dict.fromkeys(entry["npu"] for entry in devices)
    blocks = [f"\n\tNPU ID                         : {npu}\n\tChip Count                     : "
              f"{sum(entry['npu'] == npu for entry in devices)}" for npu in npus]
    return "\n".join([f"\tTotal Count                    : {len(npus)}", *blocks])
