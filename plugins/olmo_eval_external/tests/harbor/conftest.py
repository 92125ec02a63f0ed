"""Tests that need Harbor, which needs Python 3.12: elsewhere they are no tests at all."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("harbor") is None:
    collect_ignore_glob = ["test_*.py"]
