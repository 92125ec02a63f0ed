"""Discovery of plugins: isolation, provenance, laziness, and every way a plugin can come in."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from olmo_eval import plugins
from olmo_eval.errors import CollisionError, PluginError, UsageError
from olmo_eval.evals.tasks.common import build_task, parse_spec
from olmo_eval.evals.tasks.common.registry import contested_variants
from olmo_eval.evals.tasks.common.spec import task_owner

Install = Callable[..., None]

TASK_MODULE = """
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task, register, register_variant

@register("{name}")
class Riddles(Task):
    @property
    def instances(self):
        yield Instance(question="What has keys but opens no lock?", gold_answer="a piano")

register_variant("{name}", "short", num_fewshot=0, max_tokens=8)
"""


_CALLED = """
import olmo_eval

@olmo_eval.hookimpl
def register_scorers(register):
    register("called", "acme_evals:Riddles")
"""


def test_a_task_registered_by_decorator_belongs_to_its_distribution(install: Install) -> None:
    install("acme-evals", "acme_evals", TASK_MODULE.format(name="acme_riddles"), "3.1")

    with plugins.fresh_manager():
        task = build_task("acme_riddles:short")
        owner = task_owner(parse_spec("acme_riddles"))

    assert task.config.sampling_params.max_tokens == 8
    assert str(owner) == "acme-evals 3.1"


def test_a_hook_registers_lazily(install: Install, site: Path) -> None:
    install(
        "acme-evals",
        "acme_evals",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_providers(register):\n"
        "    register('parrot', 'acme_engine:Parrot')\n",
    )
    (site / "acme_engine.py").write_text(
        "from olmo_eval.harness import Provider\nclass Parrot(Provider): pass\n"
    )

    with plugins.fresh_manager() as manager:
        registry = manager.registry("providers")
        assert "parrot" in registry.names()
        assert "acme_engine" not in sys.modules
        assert registry.get("parrot").__name__ == "Parrot"


def test_a_lazy_task_module_registers_itself_when_asked_for(install: Install, site: Path) -> None:
    install(
        "acme-evals",
        "acme_evals",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_tasks(register):\n"
        "    register('acme_riddles', 'acme_tasks')\n",
    )
    (site / "acme_tasks.py").write_text(TASK_MODULE.format(name="acme_riddles"))

    with plugins.fresh_manager() as manager:
        assert "acme_riddles" in manager.registry("tasks").names()
        assert "acme_tasks" not in sys.modules
        assert build_task("acme_riddles:short").config.name == "acme_riddles"
        assert str(task_owner(parse_spec("acme_riddles"))) == "acme-evals 1.0"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('out of cheese')", "RuntimeError: out of cheese"),
        ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "called sys.exit(3)"),
    ],
)
def test_a_plugin_that_fails_to_load_takes_nothing_else_down(
    install: Install, code: str, reason: str
) -> None:
    install("broken-evals", "broken_evals", code)
    install("acme-evals", "acme_evals", TASK_MODULE.format(name="acme_riddles"))

    with plugins.fresh_manager() as manager:
        assert build_task("acme_riddles").config.name == "acme_riddles"
        failures = [f for f in manager.failures if f.owner.distribution == "broken-evals"]

    assert len(failures) == 1
    assert reason in failures[0].reason


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("2", "acme-evals 1.0 is written for version 2 of the plugin API; .* upgrade olmo-eval$"),
        ("0", "acme-evals 1.0 is written for version 0 of the plugin API; .* upgrade acme-evals$"),
        ("'1.0'", "OLMO_EVAL_API must be an integer, not '1.0'"),
    ],
)
def test_a_plugin_for_another_api_is_refused_before_its_hooks_are_called(
    install: Install, version: str, reason: str
) -> None:
    code = f"{TASK_MODULE.format(name='acme_riddles')}\nOLMO_EVAL_API = {version}\n{_CALLED}"
    install("acme-evals", "acme_evals", code)

    with plugins.fresh_manager() as manager:
        assert "acme_riddles" not in manager.registry("tasks")
        assert "called" not in manager.registry("scorers")
        (failure,) = [f for f in manager.failures if f.owner.distribution == "acme-evals"]

    assert re.search(reason, failure.reason)


def test_a_plugin_for_this_api_and_one_that_does_not_say_are_loaded(install: Install) -> None:
    install("acme-evals", "acme_evals", TASK_MODULE.format(name="riddles_1") + "OLMO_EVAL_API = 1")
    install("other-evals", "other_evals", TASK_MODULE.format(name="riddles_2"))

    with plugins.fresh_manager() as manager:
        assert {"riddles_1", "riddles_2"} <= set(manager.registry("tasks").names())


def test_a_file_for_another_api_that_was_asked_for_is_an_error(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "later.py"
    file.write_text("OLMO_EVAL_API = 2\n")

    with plugins.fresh_manager() as manager, pytest.raises(PluginError, match="version 2 of the"):
        manager.load(str(file))


def test_a_hook_that_raises_is_named_with_its_distribution(install: Install) -> None:
    install(
        "broken-evals",
        "broken_evals",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_suites(register):\n"
        "    raise RuntimeError('out of cheese')\n",
    )

    with plugins.fresh_manager() as manager:
        manager.collect_all()
        (failure,) = [f for f in manager.failures if f.owner.distribution == "broken-evals"]

    assert failure.name == "broken_evals: register_suites"
    assert re.fullmatch(
        r"RuntimeError: out of cheese \(\S*(broken_evals|observer)\.py:\d+\)", failure.reason
    )


def test_a_misspelt_hook_is_a_failure_of_its_plugin(install: Install) -> None:
    install(
        "broken-evals",
        "broken_evals",
        "import olmo_eval\n@olmo_eval.hookimpl\ndef register_taks(register): pass\n",
    )
    install("zeta-evals", "zeta_evals", TASK_MODULE.format(name="zeta_riddles"))

    with plugins.fresh_manager() as manager:
        manager.collect_all()
        assert "zeta_riddles" in manager.registry("tasks")
        (failure,) = [f for f in manager.failures if "register_taks" in f.reason]

    assert failure.owner.distribution == "broken-evals"


def test_two_distributions_that_claim_one_task_are_both_named(install: Install) -> None:
    install("acme-evals", "acme_evals", TASK_MODULE.format(name="riddles"))
    install("zeta-evals", "zeta_evals", TASK_MODULE.format(name="riddles"))

    with plugins.fresh_manager():
        with pytest.raises(CollisionError, match="acme-evals and zeta-evals"):
            build_task("riddles:short")
        assert contested_variants() == {}  # each means its own
        spec = parse_spec("zeta-evals:riddles:short")
        task = build_task(spec)

    assert type(task).__module__ == "zeta_evals"
    assert (spec.distribution, spec.name, spec.variants) == ("zeta-evals", "riddles", ("short",))


def test_a_plain_file_is_a_plugin(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "my riddles.py"
    file.write_text(TASK_MODULE.format(name="my_riddles"))

    with plugins.fresh_manager([str(file)]) as manager:
        assert build_task("my_riddles").config.name == "my_riddles"
        (plugin,) = [p for p in manager.plugins if p.origin == "--plugin"]

    assert plugin.owner.distribution == "my riddles.py"
    assert len(plugin.owner.version) == 12


def test_a_plain_file_may_implement_hooks(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "presets.py"
    file.write_text(
        "import olmo_eval\n"
        "from olmo_eval.harness import HarnessConfig\n"
        "@olmo_eval.hookimpl\n"
        "def register_harnesses(register):\n"
        "    register('careful', HarnessConfig(name='careful', max_turns=3))\n"
    )

    with plugins.fresh_manager([str(file)]) as manager:
        assert manager.registry("harnesses").get("careful").max_turns == 3


def test_a_module_on_the_path_is_a_plugin(site: Path) -> None:
    (site / "loose_riddles.py").write_text(TASK_MODULE.format(name="loose_riddles"))

    with plugins.fresh_manager(["loose_riddles"]):
        assert build_task("loose_riddles").config.name == "loose_riddles"


def test_the_environment_names_plugins_too(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text(TASK_MODULE.format(name="riddle_one"))
    two.write_text(TASK_MODULE.format(name="riddle_two"))
    monkeypatch.setenv("OLMO_EVAL_PLUGINS", f"{one}{os.pathsep}{two}")

    with plugins.fresh_manager() as manager:
        names = manager.registry("tasks").names()

    assert {"riddle_one", "riddle_two"} <= set(names)


def test_a_plugin_that_was_asked_for_and_fails_is_an_error(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1 / 0\n")

    with plugins.fresh_manager() as manager, pytest.raises(PluginError, match="ZeroDivisionError"):
        manager.load(str(file))


def test_a_plugin_file_with_a_misspelt_hook_is_an_error(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "misspelt.py"
    file.write_text("import olmo_eval\n@olmo_eval.hookimpl\ndef register_taks(register): pass\n")

    with plugins.fresh_manager() as manager, pytest.raises(PluginError, match="register_taks"):
        manager.load(str(file))


def test_a_plugin_file_that_is_not_there_is_an_error(site: Path) -> None:
    with plugins.fresh_manager() as manager, pytest.raises(UsageError, match="no such plugin file"):
        manager.load("nowhere/freshqa.py")


def test_observers_are_called_and_their_failures_returned(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "observer.py"
    file.write_text(
        "import olmo_eval\n"
        "seen = []\n"
        "@olmo_eval.hookimpl\n"
        "def task_finished(task, metrics):\n"
        "    seen.append((task, metrics))\n"
        "@olmo_eval.hookimpl\n"
        "def run_finished(run):\n"
        "    raise RuntimeError('out of cheese')\n"
    )

    with plugins.fresh_manager([str(file)]) as manager:
        assert manager.observes("task_finished")
        assert not manager.observes("instance_scored")
        fine = manager.notify("task_finished", run_id="r1", task="t", metrics={"accuracy": 0.5})
        (failure,) = manager.notify("run_finished", run={}, scores=(), location="")
        module = next(p.module for p in manager.plugins if p.origin == "--plugin")

    assert fine == []
    assert module.seen == [("t", {"accuracy": 0.5})]
    assert "run_finished" in failure.name
    assert failure.owner.distribution == "observer.py"
    assert re.fullmatch(
        r"RuntimeError: out of cheese \(\S*(broken_evals|observer)\.py:\d+\)", failure.reason
    )
