"""What every test of the workspace shares: the event loop, the engines, the offline data."""

from __future__ import annotations

import importlib.util
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Two BLAS threads on two busy cores are slower than one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# LiteLLM asks a server for prices when it is imported, and waits for it where there is none.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

# A machine that is busy with other things is no fault of what is tested.
settings.register_profile("workspace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("workspace")

_SKIPPED_WITHOUT_ENGINES = {
    "engine": "needs a real engine: make test-engines",
    "slow": "takes long: make test-engines",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engines", action="store_true", help="run tests marked `engine` and `slow` as well"
    )
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failed test")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--engines"):
        config.pluginmanager.register(_loaded("tests/engine_images.py").EngineImages(config))


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


#: what the S3 server was asked: method and path
_S3_REQUESTS: list[str] = []
_S3_CONDITIONS = threading.Lock()


@pytest.fixture
def s3_requests(s3: Any) -> list[str]:
    """What the S3 server has been asked since the test began; to be cleared at will."""
    _S3_REQUESTS.clear()
    return _S3_REQUESTS


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    """The variables that point every AWS tool to an S3 server (moto) on loopback."""
    pytest.importorskip("moto", reason="the local S3 server needs moto[server]")
    pytest.importorskip("s3fs", reason="s3:// needs olmo-eval[s3]")
    from moto.moto_server import threaded_moto_server as moto_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = moto_server.DomainDispatcherApplication

    def counted(*arguments: Any) -> Any:
        app = application(*arguments)

        def call(environ: dict[str, Any], start: Any) -> Any:
            _S3_REQUESTS.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
            if "HTTP_IF_NONE_MATCH" in environ:  # which S3 looks at and obeys in one step
                with _S3_CONDITIONS:
                    return app(environ, start)
            return app(environ, start)

        return call

    moto_server.DomainDispatcherApplication = counted
    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "local-key",
        "AWS_SECRET_ACCESS_KEY": "local-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    server.stop()


@pytest.fixture
def s3(
    s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> Any:
    """A client (boto3) of an S3 server without buckets, to which the environment points.

    What is staged and kept of a bucket is the test's own: other tests name their buckets alike.
    """
    import boto3
    from moto.backends import get_backend

    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    get_backend("s3").reset()  # it lives in this process
    return boto3.client("s3")


def _loaded(place: str) -> Any:
    """A module of the workspace's tests that no package has."""
    path = Path(__file__).parent / place
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cloud(name: str) -> Any:
    """A service on loopback that stands for a cloud's: a module of the sandboxes' tests."""
    module = _loaded(f"plugins/olmo_eval_sandboxes/tests/{name}.py")
    if why := module.why_not():
        pytest.skip(why)
    return module


@pytest.fixture(scope="session")
def modal_service() -> Iterator[dict[str, str]]:
    """The variables that point Modal's SDK to a service on loopback, backed by Docker."""
    with _cloud("modal_service").started() as variables:
        yield variables


@pytest.fixture(scope="session")
def kubernetes_service(tmp_path_factory: Any) -> Iterator[dict[str, str]]:
    """The variables that point Kubernetes' clients to an API on loopback, backed by Docker."""
    folder = tmp_path_factory.mktemp("kubernetes")
    with _cloud("kubernetes_service").started(folder) as variables:
        yield variables


@pytest.fixture
def data_mirror() -> Path:
    """The folder of real benchmark data that OLMO_EVAL_DATA_MIRROR names."""
    folder = os.environ.get("OLMO_EVAL_DATA_MIRROR")
    if not folder:
        pytest.skip("needs real benchmark data: set OLMO_EVAL_DATA_MIRROR")
    return Path(folder)
