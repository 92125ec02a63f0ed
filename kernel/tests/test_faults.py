"""What a plugin raises is the plugin's: who, where, and with which task and instance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.agents.selection import make_scaffold
from olmo_eval.cli import listing
from olmo_eval.common.types import Instance, LMRequest
from olmo_eval.errors import DataError, PluginError
from olmo_eval.evals.tasks.check import check_task
from olmo_eval.evals.tasks.common import Task, TaskConfig, build_task
from olmo_eval.providers.models import choose_provider, make_provider
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.sandbox.pool import make_backend

Install = Callable[..., None]

TASK = """
import sys
from attrs import frozen
from olmo_eval.common.formatters import GenerationFormatter, Formatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register

class OddFormatter(Formatter):
    def format(self, instance, fewshot=()): return {}["nothing"]

@register("odd")
class Odd(Task):
    data_source = DataSource(path="./sums", split="test")
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)
    def process_doc(self, doc):
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})
"""


def odd(bench: Any, *lines: str) -> Path:
    """A plugin file with the task ``odd`` and some more lines in its class."""
    path: Path = bench.folder / "odd.py"
    path.write_text(TASK + "".join(f"    {line}\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "def process_doc(self, doc): return 1 / 0",
            "task 'odd', row 1 of file://./sums, failed in odd.py",
        ),
        (
            "def format_request(self, instance): return {}['nothing']",
            "format_request of task 'odd', instance 's0', failed in odd.py",
        ),
        ("formatter = OddFormatter()", "format_request of task 'odd', instance 's0', failed in"),
        (
            "def get_sampling_params(self, instance): raise SystemExit(0)",
            "get_sampling_params of task 'odd', instance 's0', failed in odd.py",
        ),
        (
            "instances = property(lambda self: [None][3])",
            "instances of task 'odd' failed in odd.py",
        ),
        (
            "instances = property(lambda self: (Instance(str(n), 1 // (2 - n)) for n in range(5)))",
            "instances of task 'odd', at instance number 3, failed in odd.py",
        ),
    ],
)
def test_a_task_that_fails_is_named_with_its_instance_and_line(
    bench: Any, line: str, said: str
) -> None:
    printed = bench.cli("run", "--plugin", odd(bench, line), "-m", "mock", "-t", "odd")

    assert printed.code == 1
    assert said in printed.err
    assert "odd.py:" in printed.err.partition("failed in")[2]
    assert "--debug shows the traceback" in printed.err
    assert "defect" not in printed.err


def test_a_row_that_does_not_fit_is_still_the_datas(bench: Any) -> None:
    line = "def process_fewshot_doc(self, doc, index): return doc['solution']"
    more = (
        "formatter = GenerationFormatter()",
        "fewshot_source = DataSource(path='./few', split='test')",
        "num_fewshot = 2",
    )
    printed = bench.cli("run", "--plugin", odd(bench, line, *more), "-m", "mock", "-t", "odd")

    assert "odd: row 1 of file://./few does not fit the task" in printed.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("def process_doc(self, doc): return doc", "row 1 of file://./sums, gave {"),
        ("def format_request(self, instance): pass", "gave None instead of LMRequest"),
        ("def get_sampling_params(self, instance): return {}", "instead of SamplingParams"),
        ("instances = property(lambda self: iter(['a?']))", "gave 'a?' instead of Instance"),
    ],
)
def test_a_task_that_gives_the_wrong_thing_is_named(bench: Any, line: str, said: str) -> None:
    printed = bench.cli("run", "--plugin", odd(bench, line), "-m", "mock", "-t", "odd")

    assert (printed.code, "task 'odd'" in printed.err, said in printed.err) == (1, True, True)


def test_a_check_says_where_the_tasks_code_failed(bench: Any) -> None:
    bench_file = odd(bench, "def oracle(self, instance): return instance.metadata['solution']")
    plugins.manager().load(str(bench_file))

    report = check_task(build_task("odd"))

    (finding,) = [f for f in report.problems if f.check == "oracle"]
    assert "oracle of task 'odd', instance 's" in finding.message
    assert "KeyError: 'solution' (odd.py:" in finding.message


def test_what_the_kernel_itself_gets_wrong_stays_a_defect(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    broken.__globals__["__name__"], name = "olmo_eval.cli.listing", __name__
    try:
        monkeypatch.setattr(listing, "_entries", broken)
        printed = bench.cli("tasks")
    finally:
        broken.__globals__["__name__"] = name

    assert "error: ZeroDivisionError: division by zero\n  this is a defect" in printed.err
    assert printed.code == 1


def test_a_kernels_formatter_that_fails_is_not_blamed_on_a_task() -> None:
    task = Task(TaskConfig(name="bare"))
    task.config = None  # type: ignore[assignment]  # what no plugin could have done

    with pytest.raises(AttributeError):
        task.format_request(Instance("?"))


def test_errors_meant_for_people_pass_as_they_are() -> None:
    class Careful(Task):
        def format_request(self, instance: Instance) -> LMRequest:
            raise DataError("this one has no picture")

    with pytest.raises(DataError, match="no picture"):
        Careful(TaskConfig(name="careful")).request_for(Instance("?"))


ENGINES = """
import olmo_eval
from olmo_eval.harness import Provider
from olmo_eval.sandbox import SandboxBackend
from olmo_eval.agents.scaffold import Scaffold

class Engine(Provider):
    def __init__(self, config): {}["weights"]
class Loop(Scaffold):
    def __init__(self, **kwargs): {}["rounds"]
class Box(SandboxBackend):
    def __init__(self, config): {}["image"]

@olmo_eval.hookimpl
def register_providers(register): register("engine", Engine)
@olmo_eval.hookimpl
def register_scaffolds(register): register("loop", Loop)
@olmo_eval.hookimpl
def register_sandboxes(register): register("box", Box)
@olmo_eval.hookimpl(tryfirst=True)
def choose_provider(config): return {}[config.model]
"""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: make_provider(ProviderConfig(kind="engine")), "provider 'engine' failed in"),
        (lambda: make_scaffold("loop", {}), "scaffold 'loop' failed in"),
        (lambda: make_backend(SandboxConfig(mode="box")), "sandbox backend 'box' failed in"),
        (lambda: choose_provider(ProviderConfig(model="m")), "choose_provider of"),
    ],
)
def test_whatever_is_made_of_a_plugin_is_named(
    install: Install, make: Callable[[], object], said: str
) -> None:
    install("acme-evals", "acme_evals", ENGINES)

    with plugins.fresh_manager(), pytest.raises(PluginError) as refused:
        make()

    assert said in refused.value.message and "acme-evals 1.0" in refused.value.message
    assert "KeyError" in refused.value.message and "acme_evals.py:" in refused.value.message


def test_a_command_of_a_plugin_may_exit_as_it_likes_and_is_named_when_it_fails(
    bench: Any,
) -> None:
    file = bench.folder / "commands.py"
    file.write_text(
        "import sys, click, olmo_eval\n"
        "@click.command()\n"
        "def leave(): sys.exit(3)\n"
        "@click.command()\n"
        "def fall(): [][0]\n"
        "@olmo_eval.hookimpl\n"
        "def register_commands(cli):\n"
        "    cli.add_command(leave)\n"
        "    cli.add_command(fall)\n"
    )

    assert bench.cli("leave", "--plugin", file).code == 3
    fallen = bench.cli("fall", "--plugin", file)
    assert fallen.code == 1
    assert "the command failed in commands.py" in fallen.err
    assert "IndexError: list index out of range (commands.py:5)" in fallen.err


def test_a_module_that_cannot_be_imported_says_which_line(install: Install, site: Path) -> None:
    install(
        "acme-evals",
        "acme_evals",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_tasks(register):\n"
        "    register('a', 'acme_evals_lazy:A')\n"
        "    register('b', 'acme_evals_torn')\n",
    )
    (site / "acme_evals_lazy.py").write_text("import sys\n\nsys.exit('no licence')\n")
    (site / "acme_evals_torn.py").write_text("\ndef broken(:\n")

    with plugins.fresh_manager():
        with pytest.raises(
            PluginError, match=r"called sys\.exit\('no licence'\) \(\S*acme_evals_lazy.py:3"
        ):
            build_task("a")
        with pytest.raises(PluginError, match=r"SyntaxError: .* \(\S*acme_evals_torn.py:2\)"):
            build_task("b")
