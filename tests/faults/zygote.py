"""``olmo-eval``, many times over, each time in a process of its own, without importing it anew.

``python zygote.py`` imports the workbench once; then each line of its standard input is a request
as JSON, and is answered by a line of JSON::

    {"start": [ARGUMENT, ...], "cwd": DIR, "env": {...}, "out": FILE, "err": FILE, "fault": {...}}
        -> {"pid": 1234}
    {"wait": 1234}    -> {"code": 0}        what it exited with; minus the signal that killed it

A fault is described in ``injection.py``. What is started is forked from a process with one thread.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).parent))

#: rooms that a run, its tables and every command need; what is optional and not here is left out
ROOMS = ("cli", "common", "data", "evals", "harness", "providers", "results", "runner")


def warm_up() -> None:
    for room in ROOMS:
        package = importlib.import_module(f"olmo_eval.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"olmo_eval.{room}."):
            if not module.name.endswith("__main__"):
                with contextlib.suppress(ImportError):
                    importlib.import_module(module.name)
    for name in ("pyarrow.parquet", "sqlite3", "scipy.stats", "anyio._backends._asyncio", "s3fs"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run(asked: dict[str, Any]) -> NoReturn:
    """Be ``olmo-eval`` from now on."""
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        for number, name in ((1, "out"), (2, "err")):
            fd = os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(fd, number)
            os.close(fd)
        from injection import inject

        from olmo_eval.cli.main import main

        if asked.get("fault"):
            inject(**asked["fault"])
        try:
            main(asked["start"])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def serve() -> None:
    warm_up()
    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            told = {"code": os.waitstatus_to_exitcode(status)}
        else:
            pid = os.fork()
            if pid == 0:
                replies.close()
                run(asked)
            told = {"pid": pid}
        print(json.dumps(told), file=replies, flush=True)


if __name__ == "__main__":
    serve()
