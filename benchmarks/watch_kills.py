"""How `olmo-eval watch` fares where trainers and watches are killed: 200 kills in each layout.

    python benchmarks/watch_kills.py [KILLS] [LAYOUT ...]

Of nine trainers each writes its real files in their real order, while two watches look on. In every
other training run the trainer is killed, too, at random moments; in the others it removes old
checkpoints, and the watches hold what waits. Ends with an error where a file was read half-written,
a complete checkpoint was lost, or one was done twice.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

KILLING = Path(__file__).resolve().parent.parent / "kernel/tests/watching/killing.py"


def main(arguments: list[str]) -> None:
    spec = importlib.util.spec_from_file_location("killing", KILLING)
    assert spec is not None and spec.loader is not None
    killing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(killing)
    kills = int(arguments[0]) if arguments else 200
    total, began = 0, time.monotonic()
    layouts = arguments[1:] or killing.NINE
    for layout in layouts:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            done = killing.rounds(Path(folder), layout, kills, each=25)
        total += done
        seconds = time.monotonic() - start
        print(f"{layout:13} {kills:>5} kills  {done:>4} done once  {seconds:>6.1f} s", flush=True)
    print(
        f"{kills * len(layouts):,} kills, {total:,} checkpoints done once, none half-read, lost or "
        f"done twice, {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
