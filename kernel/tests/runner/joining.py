"""``olmo-eval`` as a worker of a test: it is soon taken for gone, and its clock may be wrong.

``python joining.py BEAT SILENT SKEW ARGUMENTS...``: seconds between two signs of life, seconds of
silence, and seconds by which every clock of the wall is off.
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta
from typing import Any

from olmo_eval.cli.main import main
from olmo_eval.results import folder, lease, listing, presence

BEAT, SILENT, SKEW = map(float, sys.argv[1:4])
_time = time.time


class Skewed(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + timedelta(seconds=SKEW)


presence.BEAT_SECONDS, presence.SILENT_SECONDS = BEAT, SILENT
time.time = lambda: _time() + SKEW
for module in (folder, lease, listing):
    module.datetime = Skewed  # type: ignore[attr-defined]
main(sys.argv[4:])
