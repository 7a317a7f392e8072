"""Which Ascend devices this machine has: davinci0, davinci1, as the runtime counts them."""

from __future__ import annotations

from tools.engines.nodes import NODES as NODES
from tools.engines.nodes import Nodes
from tools.engines.nodes import folder as folder

RENUMBERED = "ASCEND_RT_VISIBLE_DEVICES"
_OURS = Nodes("npu", "davinci", "Ascend device", RENUMBERED)
devices, named = _OURS.devices, _OURS.named
