"""The house's one-way arrows, read from the imports of every module.

Plugin -> kernel, never kernel -> plugin, never plugin -> plugin. Inside the kernel a room may
import only what ROOMS says, at module level, inside functions and for type checking alike.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNEL = ROOT / "kernel/src/olmo_eval"
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/src/*") if path.is_dir())

#: The wiring that most rooms may use: errors, hooks, and who registered what.
WIRING = {"errors", "faults", "hookspecs", "plugins", "registry"}

#: What surrounds a model while a run is made.
RUNTIME = {"providers", "sandbox", "agents", "judges", "harness"}

#: room -> rooms it may import besides itself
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "common": {"errors"},
    "faults": {"errors"},
    "registry": {"errors", "faults", "common"},
    "loading": {"errors", "faults", "registry"},
    "hooks": {"errors", "registry", "hookspecs"},
    "plugins": {"errors", "common", "registry", "hookspecs", "faults", "hooks", "loading"},
    # hookspecs.py names the type of everything a plugin can supply, for type checkers only.
    "hookspecs": {"common", "evals", "runner"} | RUNTIME,
    "data": WIRING | {"common"},
    "evals": WIRING | {"common", "data"},
    "providers": WIRING | {"common"},
    "sandbox": WIRING | {"common"},
    "agents": WIRING | {"common", "providers", "sandbox", "judges"},
    "judges": WIRING | {"common", "providers", "sandbox"},
    "harness": WIRING | {"common", "providers", "sandbox", "agents", "judges"},
    "results": {"errors", "common"},
    "runner": WIRING | RUNTIME | {"common", "data", "evals", "results"},
    "testing": WIRING | RUNTIME | {"common", "data", "evals", "runner", "results"},
    # What the kernel supplies itself goes through the hooks like anyone's.
    "builtins": WIRING | RUNTIME | {"common", "data", "evals", "runner", "results", "testing"},
    # ``import olmo_eval`` gives the names of the public interface, each imported at first use.
    "__init__": {"errors", "hookspecs", "results", "runner"},
    "cli": WIRING
    | RUNTIME
    | {"__init__", "builtins", "common", "data", "evals", "results", "runner"},
}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def room_of(path: Path) -> str:
    """The kernel's room a module is in: its first folder, or its own name."""
    first = path.relative_to(KERNEL).parts[0]
    return first.removesuffix(".py")


def imported_names(path: Path) -> Iterator[tuple[int, str]]:
    """Every absolute module name an ``import`` statement of the file names, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the absolute name"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def kernel_room(name: str) -> str | None:
    """The room of the kernel that an imported name is in, or None for anything else."""
    parts = name.split(".")
    if parts[0] != "olmo_eval" or name in ("olmo_eval", "olmo_eval.__version__"):
        return None
    known = len(parts) > 1 and (
        (KERNEL / parts[1]).is_dir() or (KERNEL / f"{parts[1]}.py").is_file()
    )
    return parts[1] if known else "__init__"


@pytest.mark.parametrize("path", modules(KERNEL), ids=lambda p: str(p.relative_to(KERNEL)))
def test_arrows_inside_the_kernel_go_one_way(path: Path) -> None:
    here = room_of(path)
    assert here in ROOMS, f"{path.relative_to(ROOT)}: a new room; say in ROOMS what it may know"
    for line, name in imported_names(path):
        there = kernel_room(name)
        allowed = there is None or there == here or there in ROOMS[here]
        assert allowed, f"{path.relative_to(ROOT)}:{line}: {here} may not know {there} ({name})"


@pytest.mark.parametrize("path", modules(KERNEL), ids=lambda p: str(p.relative_to(KERNEL)))
def test_the_kernel_knows_no_plugin(path: Path) -> None:
    for line, name in imported_names(path):
        root = name.partition(".")[0]
        foreign = root.startswith("olmo_eval_")
        assert not foreign, f"{path.relative_to(ROOT)}:{line}: the kernel may not know {name}"


@pytest.mark.parametrize("package", PLUGINS, ids=lambda p: p.name)
def test_a_plugin_knows_the_kernel_and_no_other_plugin(package: Path) -> None:
    for path in modules(package):
        for line, name in imported_names(path):
            root = name.partition(".")[0]
            where = f"{path.relative_to(ROOT)}:{line}"
            assert not root.startswith("olmo_eval_") or root == package.name, (
                f"{where}: {package.name} may not know {root}"
            )
            assert kernel_room(name) != "cli", f"{where}: nobody may know the command line"


@pytest.mark.parametrize("package", [KERNEL, *PLUGINS], ids=lambda p: p.name)
def test_files_are_rooms_and_functions_fit_a_screen(package: Path) -> None:
    """Generous limits, so that they catch what has grown without anyone noticing."""
    for path in modules(package):
        text = path.read_text(encoding="utf-8")
        length = len(text.splitlines())
        assert length <= 450, f"{path.relative_to(ROOT)} has {length} lines: two rooms in one?"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= 90, f"{path.relative_to(ROOT)}:{node.lineno}: {lines} lines long"


def test_no_import_goes_round_in_a_circle() -> None:
    """ROOMS itself is one-way: no room reaches itself through the others.

    ``hookspecs`` is left out, as its imports are for type checkers alone.
    """
    arrows = {room: known - {"hookspecs"} for room, known in ROOMS.items() if room != "hookspecs"}
    while arrows:
        free = [room for room, known in arrows.items() if not known & arrows.keys()]
        assert free, f"a circle among {sorted(arrows)}"
        for room in free:
            del arrows[room]


def test_hookspecs_imports_types_for_type_checkers_only() -> None:
    tree = ast.parse((KERNEL / "hookspecs.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in top for alias in node.names]
    assert not [name for name in names if name.startswith("olmo_eval")]
    assert not [n for n in top if isinstance(n, ast.ImportFrom) and "olmo_eval" in str(n.module)]
