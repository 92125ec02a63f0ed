#!/bin/bash
set -e
cat > /app/median.py <<'END'
"""The median of the numbers in the arguments."""

import statistics
import sys

if len(sys.argv) < 2:
    print("no numbers", file=sys.stderr)
    sys.exit(2)
print(f"{statistics.median(map(float, sys.argv[1:])):g}")
END
