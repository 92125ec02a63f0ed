#!/bin/bash
set -e
cd /app
python3 - <<'END'
import csv
import json

stock = {}
for name in ("north.csv", "south.csv"):
    with open(name, newline="") as file:
        for row in csv.DictReader(file):
            item = stock.setdefault(row["item"].strip().lower(), {"count": 0, "price": 10**9})
            item["count"] += int(row["count"])
            item["price"] = min(item["price"], int(row["price"]))
with open("stock.json", "w") as file:
    json.dump({name: item for name, item in stock.items() if item["count"]}, file)
END
