"""Pages that teach are followed as a reader would: files are written, commands are run."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Walkthrough, blocks

ROOT = Path(__file__).resolve().parent.parent


def test_everything_on_the_page_works(tmp_path: Path) -> None:
    walkthrough = Walkthrough(tmp_path / "work", tmp_path / "environment")
    walkthrough.prepare()

    walkthrough.follow(ROOT / "docs/plugins.md")


def test_the_example_package_works(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(ROOT / "examples/third_party_pack", pack)
    walkthrough = Walkthrough(pack, tmp_path / "environment")
    walkthrough.prepare()

    walkthrough.follow(pack / "README.md")


def test_every_example_is_held_against_its_kit() -> None:
    """What has a kit on the page that teaches to write it is tested with it, on that page."""
    page = list(blocks(ROOT / "docs/plugins.md"))
    code = "\n".join(block.text for block in page if block.language == "python")
    commands = "\n".join(block.text for block in page if block.language == "console")
    kits = [block for block in page if Path(block.file).name.startswith("test_")]
    tested = "\n".join(block.text for block in kits)
    meant_to_fail = {"divided", "with_polars"}

    bases = "Provider|Scaffold|SandboxBackend"
    classes = re.findall(rf"^class (\w+)\((?:{bases})\):", code, re.MULTILINE)
    tasks = set(re.findall(r"^@register\(\"(\w+)\"\)", code, re.MULTILINE)) - meant_to_fail

    assert len(classes) >= 3 and len(tasks) >= 5
    assert [name for name in classes if name not in tested] == []
    assert [name for name in tasks if f'"{name}"' not in tested] == []
    assert [
        kit.file for kit in kits if f"pytest -q -p no:cacheprovider {kit.file}" not in commands
    ] == []
