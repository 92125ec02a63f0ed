"""Terminal tasks: the formats that are read, the rewards, and real containers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from olmo_eval import plugins
from olmo_eval.common.overrides import parse_override
from olmo_eval.errors import DataError, UsageError
from olmo_eval.evals.tasks.common import Task, build_task
from olmo_eval.runner.solutions import check_in_sandbox
from olmo_eval_tasks.benchmarks.terminal import TerminalTiny
from olmo_eval_tasks.scorers.reward import all_passed, reward_in
from olmo_eval_tasks.terminal.instance import TerminalInstance

TASK = """
schema_version = "1.4"
[metadata]
difficulty = "easy"
[agent]
timeout_sec = 120.0
[verifier]
timeout_sec = 30.0
env = {MODE = "strict"}
[environment]
memory_mb = 2048
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def harbor(folder: Path, **files: str) -> None:
    write(
        folder,
        {
            "task.toml": TASK,
            "instruction.md": "Say hello in /app/hello.txt.\n",
            "environment/Dockerfile": "FROM debian:12\nWORKDIR /app\n",
            "tests/test.sh": "echo 1 > /logs/verifier/reward.txt\n",
            "solution/solve.sh": "echo hello > /app/hello.txt\n",
            **files,
        },
    )


def read(folder: Path) -> list[TerminalInstance]:
    task = build_task("terminal", [parse_override(f"data_source={folder}")])
    instances = list(task.instances)
    assert all(isinstance(instance, TerminalInstance) for instance in instances)
    return instances  # type: ignore[return-value]


def test_a_folder_in_harbors_format(tmp_path: Path) -> None:
    harbor(tmp_path / "hello")
    write(tmp_path, {"README.md": "not a task", "docs/index.md": "neither"})

    (one,) = read(tmp_path)

    assert (one.id, one.question) == ("hello", "Say hello in /app/hello.txt.\n")
    assert one.metadata["difficulty"] == "easy" and one.metadata["agent_timeout"] == 120
    spec = one.environment
    assert spec is not None
    assert (spec.image, spec.working_dir, spec.root, spec.memory) == (
        "debian:12",
        "/app",
        True,
        "2048m",
    )
    assert (one.tests.path, one.tests.timeout) == ("/tests/test.sh", 30.0)
    assert one.tests.variables == {"MODE": "strict"}
    assert one.solution is not None and one.solution.path == "/solution/solve.sh"
    assert one.unsupported == ""


def test_one_task_by_its_own_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        harbor(tmp_path / name)

    assert [instance.id for instance in read(tmp_path / "two")] == ["two"]


def test_a_built_image_is_taken_as_it_is(tmp_path: Path) -> None:
    built = TASK + 'docker_image = "acme/hello:3"\n'
    harbor(tmp_path / "hello", **{"task.toml": built})

    (one,) = read(tmp_path)

    spec = one.environment
    assert spec is not None
    assert (spec.image, spec.setup, spec.files, spec.working_dir) == (
        "acme/hello:3",
        (),
        {},
        "/app",
    )


def test_a_task_for_an_ordinary_user_needs_no_root(tmp_path: Path) -> None:
    harbor(tmp_path / "a", **{"environment/Dockerfile": "FROM debian:12\nUSER app\n"})
    harbor(tmp_path / "b", **{"task.toml": '[agent]\nuser = "app"\n'})

    for one in read(tmp_path):
        assert one.environment is not None and not one.environment.root
        assert {"/tests", "/logs"} <= set(one.environment.writable)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"task.toml": "[[steps]]\nname = 'a'\n"}, "several steps"),
        ({"task.toml": "[environment]\nos = 'windows'\n"}, "Windows"),
        ({"task.toml": "[environment]\ngpus = 1\n"}, "GPUs"),
        ({"task.toml": "[environment.healthcheck]\ncommand = 'ls'\n"}, "services"),
        ({"task.toml": "[verifier]\nenvironment_mode = 'separate'\n"}, "of their own"),
        ({"task.toml": "[verifier.env]\nKEY = '${KEY}'\n"}, "the variable KEY"),
        ({"environment/docker-compose.yaml": "services: {}\n"}, "several containers"),
        ({"environment/Dockerfile": "FROM a\nFROM b\n"}, "several stages"),
    ],
)
def test_what_a_task_needs_in_vain_is_told(tmp_path: Path, files: dict[str, str], why: str) -> None:
    harbor(tmp_path / "hello", **files)

    (one,) = read(tmp_path)

    assert why in one.unsupported


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"task.toml": "[agent\n"}, "hello/task.toml: not valid TOML"),
        ({"instruction.md": None}, "hello: it has no instruction.md"),
        ({"task.toml": "[environment]\nmemory = 'lots'\n"}, "expected a size such as 512m"),
    ],
)
def test_a_malformed_folder_is_named(tmp_path: Path, files: dict[str, Any], why: str) -> None:
    harbor(tmp_path / "hello")
    for name, content in files.items():
        path = tmp_path / "hello" / name
        path.unlink() if content is None else path.write_text(content)

    with pytest.raises(DataError, match=why):
        read(tmp_path)


def test_a_folder_without_tasks_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folders with files"):
        read(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read(tmp_path / "nowhere")


def test_a_folder_in_the_first_format_of_terminal_bench(tmp_path: Path) -> None:
    write(
        tmp_path / "hello",
        {
            "task.yaml": "instruction: |\n  Say hello.\nmax_test_timeout_sec: 9\n",
            "Dockerfile": "FROM debian:12\nWORKDIR /app\nCOPY data.txt ./\n",
            "data.txt": "x",
            "docker-compose.yaml": "services:\n  client:\n    build: .\n",
            "run-tests.sh": "pytest -rA $TEST_DIR/test_outputs.py\n",
            "tests/test_outputs.py": "def test_hello(): pass\n",
            "solution.yaml": "- command: echo hello\n- command: echo twice\n",
        },
    )

    (one,) = read(tmp_path)

    assert (one.question, one.prints, one.unsupported) == ("Say hello.", "pytest", "")
    assert sorted(one.tests.files) == ["run-tests.sh", "test_outputs.py"]
    assert (one.tests.variables, one.tests.timeout) == ({"TEST_DIR": "/tests"}, 9.0)
    assert one.solution is not None
    assert one.solution.files == {"solution.sh": b"echo hello\necho twice"}


def test_terminal_bench_tasks_of_several_containers_are_not_supported(tmp_path: Path) -> None:
    compose = "services:\n  client: {}\n  db: {image: postgres}\n"
    files = {"task.yaml": "instruction: x\n", "Dockerfile": "FROM a\n", "run-tests.sh": ""}
    write(tmp_path / "hello", {**files, "docker-compose.yaml": compose})

    (one,) = read(tmp_path)

    assert "(client, db)" in one.unsupported


@pytest.mark.parametrize(
    ("text", "name", "reward"),
    [
        ("1\n", "reward.txt", 1.0),
        ("0.25", "reward.txt", 0.25),
        ('{"reward": 1, "style": 0.5}', "reward.json", 1.0),
        ('{"accuracy": 0.5}', "reward.json", 0.5),
    ],
)
def test_rewards(text: str, name: str, reward: float) -> None:
    assert reward_in(text, name)[0] == reward


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("good", "reward.txt", "no number"),
        ("nan", "reward.txt", "between 0 and 1"),
        ("7", "reward.txt", "between 0 and 1"),
        ('{"a": 1, "b": 0}', "reward.json", "none is called reward"),
    ],
)
def test_what_is_no_reward_is_no_score(text: str, name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        reward_in(text, name)


def test_pytests_summary() -> None:
    head = "=== short test summary info ===\n"
    assert all_passed(f"...\n{head}PASSED t.py::a\nPASSED t.py::b\n=== 2 passed ===")
    assert all_passed(f"{head}PASSED t.py::a\nXFAIL t.py::b\n")
    assert not all_passed(f"{head}PASSED t.py::a\nFAILED t.py::b - x\n")
    assert not all_passed(f"{head}SKIPPED [1] t.py:3: no\n")
    assert not all_passed("PASSED t.py::a\n")


# -- in containers


@pytest.fixture
def docker(olmo_eval_tasks: None) -> str:
    backend = pytest.importorskip("olmo_eval_sandboxes.containers.backend")
    plugins.manager().load("olmo_eval_sandboxes.plugin")
    pytest.importorskip("docker")
    return str(backend.DockerEngine.name)


@pytest.mark.engine
def test_solutions_of_the_tiny_tasks_score_1_and_idle_agents_0(docker: str) -> None:
    found = check_in_sandbox(build_task("terminal_tiny"), docker, sample=10)

    assert found.findings == ()


class Cheating(TerminalTiny):
    """Agents that write rewards, hide them, and leave something running."""

    async def solve(self, episode: Any) -> str:
        sandbox = await episode.sandbox("bash")
        listed = await sandbox.exec(["bash", "-c", "ls -A /tests /solution /logs"])
        episode.record("seen", listed.stdout)
        assert listed.stdout == "/logs:\n\n/solution:\n\n/tests:\n", listed
        cheat = (
            "mkdir -p /logs/verifier/deep; echo 1 > /logs/verifier/reward.txt; "
            "echo '{\"reward\": 1}' > /logs/verifier/reward.json; echo exit 0 > /tests/test.sh; "
            "(while true; do echo 1 > /logs/verifier/reward.txt; sleep 0.05; done) & disown"
        )
        await sandbox.exec(["bash", "-c", cheat])
        return ""


@pytest.mark.engine
def test_a_reward_that_an_agent_writes_does_not_count(docker: str) -> None:
    task = Cheating(Cheating.default_config("cheating"))

    found = check_in_sandbox(task, docker, sample=2)

    (finding,) = found.findings
    assert finding.message.startswith("the right answer scores 0.000")


@pytest.mark.engine
def test_a_task_that_is_roots_needs_leave(
    docker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root, where that is allowed: files anywhere, and an image's own content in its place."""
    solve = "mkdir -p /srv/site && cp /app/given.txt /srv/site/index.html && chown 1000 /srv/site\n"
    check = 'test "$(cat /srv/site/index.html; stat -c %u /srv/site)" = "$(echo hello; echo 1000)"'
    harbor(
        tmp_path / "site",
        **{
            "task.toml": "[environment]\nmemory_mb = 600\n",
            "environment/Dockerfile": "FROM base\nWORKDIR /app\nRUN echo hello > given.txt\n",
            "tests/test.sh": f"if {check}; then r=1; else r=0; fi; "
            'echo "{\\"reward\\": $r}" > /logs/verifier/reward.json\n',
            "solution/solve.sh": solve,
        },
    )
    monkeypatch.setattr("olmo_eval_tasks.benchmarks.terminal.Terminal.keeps_image", False)
    task: Task = build_task("terminal", [parse_override(f"data_source={tmp_path}")])

    with pytest.raises(UsageError, match=r"sandboxes\.0\.root=true") as refused:
        check_in_sandbox(task, docker, sample=1)
    assert "sandboxes.0.memory=600m" in str(refused.value.hint)
    allowed = ["sandboxes.0.root=true", "sandboxes.0.memory=600m"]
    found = check_in_sandbox(task, docker, [parse_override(text) for text in allowed], sample=1)
    assert found.findings == ()


def test_tiny_tasks_show_no_test_to_the_model() -> None:
    task = build_task("terminal_tiny")
    for instance in task.instances:
        assert isinstance(instance, TerminalInstance)
        environment = instance.environment
        assert environment is not None
        shown = json.dumps([task.request_for(instance).messages, sorted(environment.files)])
        assert "check.py" not in shown and "solve.sh" not in shown
        assert instance.solution is not None and not instance.unsupported
        assert evolve(environment, files={}).image is None
