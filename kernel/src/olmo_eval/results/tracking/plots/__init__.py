"""Drawings of tracks: SVG and a self-contained HTML page by our own code, PNG by matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from olmo_eval.errors import MissingDependencyError, UsageError
from olmo_eval.results.tracking.tracks import Tracks

Drawing = Callable[[Tracks, Path], None]


def drawing(name: str) -> Drawing:
    """The function that draws tracks into a file called ``name``, by its ending.

    Raises:
        UsageError: nothing draws such a file, or its folder is not there. MissingDependencyError:
            matplotlib is not installed.
    """
    ending = Path(name).suffix.lower()
    if ending not in (".svg", ".html", ".png"):
        raise UsageError(f"--plot {name}: expected a name that ends in .svg, .html or .png")
    if not Path(name).absolute().parent.is_dir():
        raise UsageError(f"--plot {name}: there is no folder {Path(name).absolute().parent}")
    if ending == ".png":
        if find_spec("matplotlib") is None:
            raise MissingDependencyError(
                "a .png is drawn by matplotlib",
                hint="pip install 'olmo-eval[plot]', or --plot .svg",
            )
        from olmo_eval.results.tracking.plots.figure import write_figure

        return write_figure
    from olmo_eval.results.tracking.plots.page import page
    from olmo_eval.results.tracking.plots.svg import svg

    draw = svg if ending == ".svg" else page
    return lambda tracks, path: _write(path, draw(tracks))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
