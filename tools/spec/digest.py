"""Digests of specs: equal values have equal digests on every machine, and keys in the store are made of them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from tools.spec.model import Network, Spec

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def digest(value: Json) -> str:
    """SHA-256 of a value's canonical JSON; equal values have equal digests on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def network_digest(network: Network) -> str:
    """Digest of everything in a spec that shapes a network's weights and graph, the text of its export form included.

    Optional surgery shapes neither weights nor the exported graph, but a second graph made of that beside the first: only
    the key of that graph holds it, so that a spec can gain such a rewrite and keep what was fitted and exported.
    """
    form = network.export_form
    shaping = {key: value for key, value in asdict(network).items() if key not in ("atc", "optional_surgery")}
    return digest({**shaping, "export_form": inspect.getsource(form) if form else None})


def spec_digest(spec: Spec) -> str:
    """Digest of everything in a spec that shapes its networks or their input."""
    parts = {key: value for key, value in asdict(spec).items() if key not in ("mini", "bins", "network", "tem", "pem")}
    return digest({**parts, "networks": [network_digest(network) for network in spec.networks]})
