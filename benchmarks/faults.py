"""The faults of ``tests/faults`` at full size: ``python benchmarks/faults.py kills --times 500``.

- ``kills``: kill -9 at so many random points, alone and with --workers join;
- ``disks``: a full, read-only and broken disk at so many points of a run;
- ``crowds``: so many runs of several processes that are killed, paused and wrong about the time;
- ``ray``: a run of so many instances on two nodes of Ray, of which one is killed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: the tests, the variable that says how often, and how often by default
SIZES = {
    "kills": ("tests/faults/test_kills.py", "OLMO_EVAL_TEST_KILLS", 500),
    "disks": ("tests/faults/test_disks.py", "OLMO_EVAL_TEST_POINTS", 100),
    "crowds": ("tests/faults/test_crowds.py", "OLMO_EVAL_TEST_CROWDS", 20),
    "ray": ("plugins/olmo_eval_ray/tests", "OLMO_EVAL_TEST_INSTANCES", 2_000),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=SIZES)
    parser.add_argument("--times", type=int)
    asked = parser.parse_args()
    tests, variable, default = SIZES[asked.what]
    command = [sys.executable, "-m", "pytest", "-q", "--engines", "--durations=5", tests]
    env = {**os.environ, variable: str(asked.times or default)}
    return subprocess.run(command, cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main())
