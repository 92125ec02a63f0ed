"""The merged stock is what the two files say."""

import json
from pathlib import Path

found = json.loads(Path("/app/stock.json").read_text())
assert found == {
    "kettle": {"count": 6, "price": 1899},
    "chair": {"count": 12, "price": 4550},
    "mug": {"count": 45, "price": 350},
    "table": {"count": 1, "price": 12000},
}, found
