"""What every test of the workspace shares: the event loop, the engines, the offline data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

# Two BLAS threads on two busy cores are slower than one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_SKIPPED_WITHOUT_ENGINES = {
    "engine": "needs a real engine: make test-engines",
    "slow": "takes long: make test-engines",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engines", action="store_true", help="run tests marked `engine` and `slow` as well"
    )
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--engines"):
        return
    for item in items:
        for mark, reason in _SKIPPED_WITHOUT_ENGINES.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def _fail_if_skipped(config: pytest.Config, report: Any) -> None:
    if config.getoption("--no-skips") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, but nothing may be: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    _fail_if_skipped(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    report = yield
    _fail_if_skipped(collector.config, report)
    return report


@pytest.fixture
def anyio_backend() -> str:
    """The event loop of tests marked ``anyio``."""
    return "asyncio"


@pytest.fixture
def data_mirror() -> Path:
    """The folder of real benchmark data that OLMO_EVAL_DATA_MIRROR names."""
    folder = os.environ.get("OLMO_EVAL_DATA_MIRROR")
    if not folder:
        pytest.skip("needs real benchmark data: set OLMO_EVAL_DATA_MIRROR")
    return Path(folder)
