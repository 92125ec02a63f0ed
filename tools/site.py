"""What mkdocs does besides: pages made of the repository's own files, and links between them.

``mkdocs.yml`` names this file as a hook. The README is the site's first page, the packages' READMEs
and the changes are pages, too, and are written for the repository: a link to a file that is a page
leads there, one to any other file of the repository is left out, its text stays.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_NAMED_FENCE = re.compile(r"^```(\w+) ([^\n`]+)$", re.MULTILINE)
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def outside() -> dict[Path, str]:
    """Files outside ``docs/`` that are pages of the site, and where."""
    packages = [ROOT / "kernel", *sorted(ROOT.glob("plugins/*/"))]
    return {
        ROOT / "README.md": "index.md",
        ROOT / "CHANGELOG.md": "changes.md",
        **{package / "README.md": f"packages/{package.name}.md" for package in packages},
    }


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of files outside ``docs/``."""
    for source, page in outside().items():
        files.append(File.generated(config, page, content=source.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the site needs them, and fences that name a file with that name as their title."""
    parts = _FENCED.split(markdown)
    parts[::2] = [linked(text, page.file.src_uri) for text in parts[::2]]
    return _NAMED_FENCE.sub(r'```\1 title="\2"', "".join(parts))


def linked(markdown: str, page: str) -> str:
    """``markdown`` of one page with links that hold on the site."""
    pages = outside()
    sources = {place: source for source, place in pages.items()}
    source = sources.get(page, ROOT / "docs" / page)

    def replace(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        if not target or re.match(r"\w+:", target):
            return match[0]
        file = (source.parent / target).resolve()
        if not file.exists():
            raise PluginError(f"{source}: there is no {target}")
        file = file / "README.md" if (file / "README.md").is_file() else file
        if file.is_relative_to(ROOT / "docs"):
            place = file.relative_to(ROOT / "docs").as_posix()
        elif file in pages:
            place = pages[file]
        else:
            return text
        return f"[{text}]({os.path.relpath(place, os.path.dirname(page) or '.')}{anchor})"

    return _LINK.sub(replace, markdown)
