"""The house's one-way arrows, read from the imports of every module.

Plugin -> kernel, never kernel -> plugin, never plugin -> plugin. Inside the kernel a room may
import only what ROOMS says, at module level, inside functions and for type checking alike; and so
may a string that names a module, such as ``"olmo_eval.cli.run:run"`` where it is registered.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNEL = ROOT / "kernel/src/olmo_eval"
PLUGINS = sorted(path for path in (ROOT / "plugins").glob("*/src/*") if path.is_dir())

#: The wiring that most rooms may use: errors, hooks, and who registered what.
WIRING = {"errors", "exports", "extras", "faults", "hookspecs", "plugins", "registry", "supplied"}

#: What surrounds a model while a run is made.
RUNTIME = {"providers", "sandbox", "agents", "judges", "harness"}

#: room -> rooms it may import besides itself
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "exports": set(),
    "extras": {"errors"},
    # ``supplied`` finds what a plugin supplies under a name that the kernel offers.
    "common": {"errors", "supplied"},
    "checkpoints": {"errors", "common"},
    "supplied": {"errors"},
    "faults": {"errors"},
    "registry": {"errors", "faults", "common"},
    "loading": {"errors", "faults", "registry"},
    "hooks": {"errors", "registry", "hookspecs"},
    "declarations": {"faults", "hookspecs", "registry"},
    "commands": {"errors", "faults"},
    "plugins": {"errors", "common", "registry", "hookspecs", "faults", "hooks", "loading"}
    | {"declarations", "commands"},
    # hookspecs.py names the type of everything a plugin can supply, for type checkers only.
    "hookspecs": RUNTIME
    | {"commands", "common", "doctor", "evals", "interchange", "results", "runner"},
    "data": WIRING | {"common"},
    "evals": WIRING | {"common", "data"},
    "providers": WIRING | {"common"},
    "sandbox": WIRING | {"common"},
    "agents": WIRING | {"common", "providers", "sandbox", "judges"},
    "judges": WIRING | {"common", "providers", "sandbox"},
    "harness": WIRING | {"common", "providers", "sandbox", "agents", "judges"},
    "inference": WIRING | {"common", "providers"},
    "endpoint": WIRING | {"common", "providers", "sandbox"},
    "results": {"errors", "exports", "extras", "common"},
    "interchange": WIRING | {"common", "results"},
    # A scorer's plugin file is imported anew in its worker process.
    "runner": WIRING
    | RUNTIME
    | {"checkpoints", "common", "data", "endpoint", "evals", "interchange", "loading", "results"},
    "watching": {"checkpoints", "common", "errors", "providers", "results", "runner"},
    "doctor": WIRING | {"common", "data", "results"},
    "skeletons": {"errors"},
    "testing": WIRING
    | RUNTIME
    | {"builtins", "common", "data", "evals", "interchange", "runner", "results"},
    # ``import olmo_eval`` gives the names of the public interface, each imported at first use.
    "__main__": {"cli"},
    "__init__": {"errors", "exports", "hookspecs", "plugins", "results", "runner"},
    "cli": WIRING
    | RUNTIME
    | {"__init__", "checkpoints", "common", "data", "doctor", "evals", "interchange", "results"}
    | {"runner", "skeletons", "watching"},
    # What the kernel supplies itself goes through the hooks like anyone's, its commands too.
    "builtins": WIRING
    | RUNTIME
    | {"cli", "commands", "common", "data", "doctor", "evals", "results", "runner"},
}

#: engines of the distribution olmo-eval-providers -> rooms of it that each may import besides
#: itself. ``openai_api`` is no engine but a protocol, and ``local`` what engines that load weights
#: on this machine have in common. No engine knows another.
PROVIDER_ROOMS: dict[str, set[str]] = {
    "sample_seeds": set(),
    "extras": set(),
    "options": set(),
    "outputs": set(),
    "prompts": set(),
    "model_folders": set(),
    "local": {"model_folders", "outputs", "prompts"},
    "vllm_args": {"local"},
    "openai_api": {"extras", "model_folders", "outputs", "prompts"},
    "embedded": {"local", "options", "prompts", "sample_seeds"},
    "hf": {"extras", "local", "options", "prompts", "sample_seeds"},
    "vllm": {
        "extras", "local", "options", "outputs", "prompts", "sample_seeds", "vllm_args",
    },
    "vllm_server": {
        "extras", "local", "openai_api", "options", "outputs", "prompts", "sample_seeds",
        "vllm_args",
    },
    "litellm": {"extras", "openai_api", "options", "sample_seeds"},
    # what the plugin registers: all engines, by name, and which one runs a model
    "presets": set(),
    "demo": set(),
    "choose": {"embedded", "extras", "local", "presets"},
    "checks": {"extras", "local"},
    "plugin": {
        "checks", "choose", "demo", "embedded", "hf", "litellm", "presets", "vllm", "vllm_server",
    },
}  # fmt: skip
ENGINES = {"embedded", "hf", "litellm", "vllm", "vllm_server"}
PROVIDERS = ROOT / "plugins/olmo_eval_providers/src/olmo_eval_providers"


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def room_of(path: Path) -> str:
    """The kernel's room a module is in: its first folder, or its own name."""
    first = path.relative_to(KERNEL).parts[0]
    return first.removesuffix(".py")


#: an import string, or the name of a module, as registrations and tables of exports hold them; or
#: the beginning of one, in an f-string
_DOTTED = re.compile(r"olmo_eval(_\w+)?(\.\w+)*(:\w+(\.\w+)*)?[.:]?")


def _is_dotted(value: Any) -> TypeGuard[str]:
    named = isinstance(value, str) and _DOTTED.fullmatch(value)
    return bool(named) and bool({".", ":"} & set(value))


def imported_names(path: Path) -> Iterator[tuple[int, str]]:
    """Every absolute module name that an ``import`` statement or a string of the file names, with
    its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the absolute name"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Constant) and _is_dotted(node.value):
            yield node.lineno, node.value.rstrip(".:").replace(":", ".")


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


@pytest.mark.parametrize("path", modules(PROVIDERS), ids=lambda p: str(p.relative_to(PROVIDERS)))
def test_no_engine_knows_another(path: Path) -> None:
    here = path.relative_to(PROVIDERS).parts[0].removesuffix(".py")
    assert here in {"__init__", *PROVIDER_ROOMS}, f"{here}: a new room; say what it may know"
    for line, name in imported_names(path):
        package, _, inside = name.partition(".")
        there = inside.partition(".")[0]
        allowed = package != PROVIDERS.name or there in {here} | PROVIDER_ROOMS.get(here, set())
        assert allowed, f"{path.relative_to(ROOT)}:{line}: {here} may not know {there} ({name})"


def test_the_engines_table_lets_no_engine_know_another() -> None:
    for engine in ENGINES:
        assert (PROVIDERS / engine / "provider.py").is_file()
        assert not PROVIDER_ROOMS[engine] & ENGINES
    assert one_way(PROVIDER_ROOMS)


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


def import_strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every string ``"module:name"`` of the file, with its line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and _is_dotted(node.value) and ":" in node.value[:-1]:
            yield node.lineno, node.value


def test_strings_are_read_like_imports(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""olmo_eval.cli is not named by a docstring like this."""\n'
        'HOMES = {"Run": "olmo_eval.results.store"}\n'
        'register("run", "olmo_eval.cli.run:run")\n'
        'note = "see olmo_eval.cli"\n'
        'place = f"olmo_eval.evals.{note}"\n'
    )

    found = {name: line for line, name in imported_names(file)}

    assert found == {"olmo_eval.results.store": 2, "olmo_eval.cli.run.run": 3, "olmo_eval.evals": 5}
    assert [kernel_room(name) for name in found] == ["results", "cli", "evals"]


@pytest.mark.parametrize("package", [KERNEL, *PLUGINS], ids=lambda p: p.name)
def test_import_strings_name_something_that_is_there(package: Path) -> None:
    seen = 0
    for path in modules(package):
        for line, text in import_strings(path):
            module, _, name = text.partition(":")
            where = f"{path.relative_to(ROOT)}:{line}"
            file = package.parent.joinpath(*module.split("."))
            source = file.with_suffix(".py") if not file.is_dir() else file / "__init__.py"
            assert source.is_file(), f"{where}: there is no module {module}"
            assert defines(source, name.partition(".")[0]), f"{where}: {module} has no {name}"
            seen += 1
    assert seen or package.name == "olmo_eval_tasks"


def defines(source: Path, name: str) -> bool:
    """Whether a module binds ``name`` at its top level."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if getattr(node, "name", None) == name:
            return True
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return True
    return False


ROOMS_THAT_EXPORT = sorted(
    path.parent
    for path in KERNEL.rglob("__init__.py")
    if path.parent != KERNEL and "exports import lazy" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("room", ROOMS_THAT_EXPORT, ids=lambda p: p.name)
def test_what_a_room_exports_is_written_three_times_alike(room: Path) -> None:
    """In ``__all__``, for type checkers, and in the table that ``lazy`` reads; and no export has
    the name of a module, which would hide it once that is imported."""
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    (listed,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    (homes,) = [
        ast.literal_eval(node.args[1])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy"
    ]
    checked = {
        alias.name: imports.module
        for node in tree.body
        if isinstance(node, ast.If)
        for imports in node.body
        if isinstance(imports, ast.ImportFrom)
        for alias in imports.names
    }

    assert listed == sorted(listed) == sorted(homes)
    assert checked == homes
    assert not {path.stem for path in modules(room)} & set(listed)


def test_no_import_goes_round_in_a_circle() -> None:
    """ROOMS itself is one-way: no room reaches itself through the others.

    ``hookspecs`` is left out, as its imports are for type checkers alone.
    """
    assert one_way(
        {room: known - {"hookspecs"} for room, known in ROOMS.items() if room != "hookspecs"}
    )


def one_way(rooms: dict[str, set[str]]) -> bool:
    """Whether no room reaches itself through the others; fails where one does."""
    arrows = dict(rooms)
    while arrows:
        free = [room for room, known in arrows.items() if not known & arrows.keys()]
        assert free, f"a circle among {sorted(arrows)}"
        for room in free:
            del arrows[room]
    return True


def test_hookspecs_imports_types_for_type_checkers_only() -> None:
    tree = ast.parse((KERNEL / "hookspecs.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in top for alias in node.names]
    assert not [name for name in names if name.startswith("olmo_eval")]
    assert not [n for n in top if isinstance(n, ast.ImportFrom) and "olmo_eval" in str(n.module)]
