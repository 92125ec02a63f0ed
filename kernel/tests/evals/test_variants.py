"""Variants of anybody's task, owned by the distribution that adds them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from olmo_eval import plugins
from olmo_eval.errors import CollisionError, PluginError, UsageError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.evals.tasks.common.registry import claims_of_variant, variants_of

Install = Callable[..., None]

TASK = """
import olmo_eval
from olmo_eval.evals.tasks.common import Task, register, register_variant
@register("riddles")
class Riddles(Task): pass
register_variant("riddles", "short", max_tokens=8)
"""
GUEST = """
import olmo_eval
@olmo_eval.hookimpl
def register_variants(register): register({name!r}, {target})
"""


def shortest(spec: str) -> int | None:
    return build_task(spec).config.sampling_params.max_tokens


@pytest.mark.parametrize("target", ["{'max_tokens': 5}", "'acme_settings:BRIEF'"])
def test_a_pack_adds_a_variant_to_a_task_of_another_distribution(
    install: Install, site: Path, target: str
) -> None:
    install("riddle-evals", "riddle_evals", TASK)
    install("acme-pack", "acme_pack", GUEST.format(name="riddles:acme", target=target), "2.0")
    (site / "acme_settings.py").write_text("BRIEF = {'max_tokens': 5}\n")

    with plugins.fresh_manager():
        assert variants_of("riddles") == ["acme", "short"]
        assert "acme_settings" not in sys.modules
        assert (shortest("riddles:acme"), shortest("riddles:short")) == (5, 8)
        owners = [
            str(claims_of_variant("riddles", name)[0].owner) for name in variants_of("riddles")
        ]

    assert owners == ["acme-pack 2.0", "riddle-evals 1.0"]


def test_a_variant_that_its_task_has_already_is_an_error_that_names_both(install: Install) -> None:
    install("riddle-evals", "riddle_evals", TASK)
    install("acme-pack", "acme_pack", GUEST.format(name="riddles:short", target="{}"))

    with plugins.fresh_manager():
        with pytest.raises(CollisionError) as refused:
            build_task("riddles:short")
        assert build_task("riddles").config.name == "riddles"

    assert "riddle-evals 1.0 (riddle_evals:6)" in refused.value.message
    assert "acme-pack 1.0 (acme_pack:4)" in refused.value.message
    assert str(refused.value.hint).startswith("acme-pack must give it another name")


def test_register_variant_belongs_to_the_module_that_calls_it(
    install: Install, tmp_path: Path
) -> None:
    """Whoever imports that module, and wherever it is called from a hook."""
    install("riddle-evals", "riddle_evals", TASK)
    install(
        "acme-pack",
        "acme_pack",
        "import olmo_eval\n"
        "from olmo_eval.evals.tasks.common import register_variant\n"
        "@olmo_eval.hookimpl\n"
        "def register_suites(register): register_variant('riddles', 'acme', max_tokens=5)\n",
    )
    file = tmp_path / "mine.py"
    file.write_text(
        "import acme_pack\n"
        "from olmo_eval.evals.tasks.common import register_variant\n"
        "register_variant('riddles', 'mine', max_tokens=6)\n"
    )

    with plugins.fresh_manager([str(file)]) as manager:
        manager.collect_all()
        owners = {
            name: claims_of_variant("riddles", name)[0].owner.distribution
            for name in variants_of("riddles")
        }

    assert owners == {"short": "riddle-evals", "acme": "acme-pack", "mine": "mine.py"}


@pytest.mark.parametrize("name", ["short", "riddles:", ":short"])
def test_a_variant_without_a_task_is_a_failure_of_its_plugin(install: Install, name: str) -> None:
    install("acme-pack", "acme_pack", GUEST.format(name=name, target="{}"))

    with plugins.fresh_manager() as manager:
        manager.registry("variants")
        (failure,) = [f for f in manager.failures if f.owner.distribution == "acme-pack"]

    assert f"registers a variant under a bad name: {name!r}" in failure.reason


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{'max_tokns': 5}", "unknown setting 'max_tokns'"),
        ("['max_tokens']", "which is not a mapping of settings"),
    ],
)
def test_settings_that_no_task_has_are_refused_when_used(
    install: Install, target: str, said: str
) -> None:
    install("riddle-evals", "riddle_evals", TASK)
    install("acme-pack", "acme_pack", GUEST.format(name="riddles:acme", target=target))

    with plugins.fresh_manager():
        with pytest.raises(UsageError, match=f"variant riddles:acme of acme-pack 1.0.*{said}"):
            build_task("riddles:acme")
        assert shortest("riddles:short") == 8


def test_settings_that_cannot_be_imported_are_their_plugins_fault(install: Install) -> None:
    install("riddle-evals", "riddle_evals", TASK)
    install("acme-pack", "acme_pack", GUEST.format(name="riddles:acme", target="'acme_pack:NONE'"))

    with (
        plugins.fresh_manager(),
        pytest.raises(PluginError, match=r"variant .riddles:acme. of acme-pack 1\.0: importing"),
    ):
        build_task("riddles:acme")
