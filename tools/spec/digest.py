"""Digests of specs, of which keys in the store are made: equal on every machine for equal values."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from tools.spec.model import Network, Spec

BESIDE = ("atc", "optional_surgery", "own", "module", "graph", "graph_input", "graph_output")  # what does not shape a network's weights
Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def digest(value: Json) -> str:
    """SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def network_digest(network: Network) -> str:
    """Digest of what shapes a network's weights and graph, the text of its export form included.

    Optional surgery is left out: it shapes only a second graph, whose own key holds it. So a spec can gain
    such a rewrite and keep what was fitted and exported. Of a person's own files it is the content that
    counts, wherever they lie. Of a network that is an ONNX file, the file's own digest stands in every key.
    """
    form, own = network.export_form, network.own
    shaping = {key: value for key, value in asdict(network).items() if key not in BESIDE}
    if own:
        shaping |= {"config": "", "own": own.digest, "module": network.module}
    return digest({**shaping, "export_form": inspect.getsource(form) if form else None})


def spec_digest(spec: Spec) -> str:
    """Digest of everything in a spec that shapes its networks or their input."""
    parts = {key: value for key, value in asdict(spec).items() if key not in ("mini", "bins", "network", "tem", "pem")}
    return digest({**parts, "networks": [network_digest(network) for network in spec.networks]})
