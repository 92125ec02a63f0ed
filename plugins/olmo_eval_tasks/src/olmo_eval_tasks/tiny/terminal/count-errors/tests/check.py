"""The counts are those of the log, for every service."""

import csv
import re
from collections import Counter
from pathlib import Path

LINE = re.compile(r"\S+ (\w+)\s+\[(\w+)\]")

lines = [LINE.match(line) for line in Path("/tests/service.log").read_text().splitlines()]
counts = Counter({found[2]: 0 for found in lines})
counts.update(found[2] for found in lines if found[1] == "ERROR")
with open("/app/errors.csv", newline="") as file:
    rows = list(csv.reader(file))
assert rows == [["service", "errors"], *([s, str(n)] for s, n in sorted(counts.items()))], rows
