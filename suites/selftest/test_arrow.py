"""The arrow of imports: suites -> fixtures -> tools, and inside tools downwards only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.settings import ROOT

TIERS: tuple[frozenset[str], ...] = tuple(frozenset(f"tools.{name}".removesuffix(".") for name in tier) for tier in (
    ("", "acl_faults", "chips", "errors", "figures", "files", "minispec", "pytest_paths", "shortfall", "timing", "versions"),
    ("aclruntime_api", "case", "checkpoints", "detections", "events", "expectations", "findings", "locks", "memory", "npu_smi", "om",
     "spec", "surgery_shift", "tables", "tool_labels", "tool_speeds"),
    ("activitynet", "atc", "clips", "devices", "download", "entries", "fitness", "idle", "preprocess", "quarantine", "recall",
     "sampling", "settings", "shards", "surgery", "truth", "windowed"),
    ("action_sequences", "archive", "baselines", "batches", "cann", "catalog", "decode", "engines", "engines.cpu", "host_findings",
     "metrics", "moving_shapes", "predictions", "proposals", "shelf", "snippet_features", "tool_outputs", "torch_run"),
    ("cell", "elsewhere", "encode", "engines.npu", "examine", "packing", "pairing", "peer", "proposal_features", "published",
     "soft_nms", "unpacking", "verdict"),
    ("fetch", "manifest", "minilocaliser", "miniweights", "peer_chain", "report", "runtime_probe", "splits", "store",
     "verdict_localiser", "verdict_speed"),
    ("carry", "child", "commandline", "guide_table", "inputs", "judge", "listing", "rawframes", "reference_rows", "runs"),
    ("ascend_findings", "checked", "launch", "measured", "minidata", "minivideos"),
    ("doctor", "survey"),
    ("data",),
    ("dump", "videos"),
    ("check", "localise", "weights"),
    ("export", "reference_localiser"),
    ("judge_localiser", "reference", "specialise"),
    ("compile", "deploy", "kinds", "stored_reference"),
    ("evaluate", "measure", "measured_limits", "score"),
    ("record",),
))
HEAVY = {"torch", "mmaction", "mmcv", "mmengine", "onnx", "onnxsim", "onnxruntime", "cv2", "av", "decord", "aclruntime", "scipy"}


def modules(package: str) -> dict[str, ast.Module]:
    """The parsed modules of a package, by dotted name."""
    paths = sorted((ROOT / package).rglob("*.py"))
    return {dotted(path): ast.parse(path.read_text(), str(path)) for path in paths}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Every module imported anywhere below *tree*; a relative import begins with its dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (full if (full := f"{module}.{alias.name}") in known else module for alias in node.names)


def on_import(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: not those of functions, nor those only type checkers read."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for_types = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        for name in ("body", "orelse", "handlers", "finalbody"):
            if not (for_types and name == "body"):
                yield from on_import(getattr(statement, name, []))


@pytest.mark.parametrize(("package", "above"), [("tools", {"fixtures", "suites", "pytest", "_pytest", "pytest_benchmark", "conftest"}),
                                                ("fixtures", {"suites", "conftest"})])
def test_a_package_imports_nothing_above_it(package: str, above: set[str]) -> None:
    """Tools import no pytest, fixtures or suites; fixtures import no suites."""
    found = modules(package)
    wrong = [f"{name} imports {other}" for name, tree in found.items() for other in imported(tree, set(found))
             if other.partition(".")[0] in above]

    assert [] == wrong


def test_every_module_of_tools_stands_in_one_tier() -> None:
    """Each module of tools is named in exactly one of the tiers above."""
    placed = sorted(name for tier in TIERS for name in tier)

    assert sorted(modules("tools")) == placed, "give a new module of tools its place in TIERS of this file"


@pytest.mark.parametrize("height", range(len(TIERS)))
def test_tools_import_downwards_only(height: int) -> None:
    """A module of tools imports tools of strictly lower tiers."""
    found = modules("tools")
    below = frozenset().union(*TIERS[:height])
    wrong = [f"{name} imports {other}" for name in sorted(TIERS[height] & found.keys())
             for other in imported(found[name], set(found)) if other.partition(".")[0] in ("tools", "") and other not in below]

    assert [] == wrong


@pytest.mark.parametrize("package", ["tools", "fixtures"])
def test_importing_a_module_loads_nothing_heavy(package: str) -> None:
    """No module has a network, codec or device library at its top level, so that the matrix collects at once."""
    wrong = [f"{name}:{statement.lineno} imports {other}" for name, tree in modules(package).items()
             for statement in on_import(tree.body) if isinstance(statement, ast.Import | ast.ImportFrom)
             for other in imported(statement, set()) if other.partition(".")[0] in HEAVY]

    assert [] == wrong
