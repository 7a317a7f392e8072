"""Reads the rows of [figures] and [archive]; whatever names a figure must name one that is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tools.spec.chips import is_simulated
from tools.spec.faults import shown
from tools.spec.figures import METRICS, Figure
from tools.spec.toml_tables import Part


def figures(root: Part, name: str) -> tuple[Figure, ...]:
    """The figures of the table *name*, which a toml need not have."""
    table = root.inner(name) if name in root.table else None
    sources = root.inner("sources") if "sources" in root.table or (table and table.table) else None
    found = []
    for origin in table.table if table else ():
        source = sources.table.get(origin) if sources else ""
        if source is None:
            root.faults.add((name, origin), f"[{name}] {origin} has no entry in [sources]")
        assert table is not None
        found += [_figure(row, origin, source) for row in table.rows(origin)]
    return tuple(figure for figure in found if figure is not None)


def _figure(row: Part, origin: str, source: object) -> Figure | None:
    figure = row.fill(Figure, origin=origin, source=f"{source}, section {row.table.get('section')}")
    if isinstance(device := row.table.get("device"), str) and is_simulated(device):
        row.wrong("was measured on a simulation, and judges nothing: take it out")
    if figure is not None and figure.contradiction:
        row.wrong(figure.contradiction)
    return figure


def check_names(root: Part) -> None:
    """Note every figure, device and network that is named and not stored.

    It looks at the rows as they are written: one with a fault of its own is there all the same.
    """
    rows = _rows(root, "figures")
    everything = [*rows, *_rows(root, "archive")]
    gates = _child(root, "gates")
    _check_references(_child(_child(gates, "accuracy"), "references"), {str(row.table.get("id")): row for row in rows})
    _check_devices(_child(gates, "throughput"), {row.table.get("device") for row in rows if _is_text(row, "device")})
    networks = {row.table.get("network") for row in rows if _is_text(row, "network")}
    for name, table in (weights.table.items() if (weights := _child(root, "weights")) else ()):
        if rows and isinstance(table, dict) and name not in networks:
            root.faults.add(("weights", name), f"[weights.{name}] no figure is of the network {shown(name)}")
    counts = Counter(str(row.table.get("id")) for row in everything if _is_text(row, "id"))
    for id, count in counts.items():
        if count > 1:
            last = [row for row in everything if row.table.get("id") == id][-1]
            last.wrong(f"is one of {count} figures that have the id {shown(id)}", "id")


def _check_references(references: Part | None, rows: dict[str, Part]) -> None:
    if references is None:
        return
    if not references.table:
        references.wrong(f"names no figure; it takes one for any of {', '.join(METRICS)}")
    for metric, id in references.table.items():
        if metric not in METRICS:
            references.wrong(f"has the unknown metric {metric}; known here: {', '.join(METRICS)}", metric)
        elif isinstance(id, str) and id not in rows:
            references.wrong(f"{metric}: no figure has the id {shown(id)}; gates name those of [figures], and those of [archive] "
                             "judge nothing", metric)
        elif isinstance(id, str) and rows[id].table.get("metric") != metric:
            references.wrong(f"{metric}: {id} is a figure of {rows[id].table.get('metric')}, not of {metric}", metric)


def _check_devices(throughput: Part | None, devices: set[object]) -> None:
    if throughput is None:
        return
    t4, ratios = throughput.table.get("t4"), throughput.table.get("min_t4_ratio")
    if isinstance(t4, str) and t4 not in devices:
        throughput.wrong(f"t4: no figure is of the device {shown(t4)}", "t4")
    for device in ratios if isinstance(ratios, dict) else ():
        if device not in devices:
            throughput.wrong(f"min_t4_ratio: no figure is of the device {shown(device)}", "min_t4_ratio", device)


def _child(part: Part | None, name: str) -> Part | None:
    """A table as it is written, without a word where it is none: the reader says that."""
    found = part.table.get(name) if part else None
    return part.inner(name) if part and isinstance(found, dict) else None


def _rows(root: Part, name: str) -> Sequence[Part]:
    table = _child(root, name)
    return [row for origin in table.table for row in table.rows(origin)] if table else []


def _is_text(row: Part, key: str) -> bool:
    return isinstance(row.table.get(key), str)
