"""``multipl_e``: whether generated code in one of several languages passes its tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import EnvironmentSpec, Instance, LMOutput
from olmo_eval.sandbox import ExecResult, Sandbox, SandboxError
from olmo_eval_tasks.scorers.status import Status, brief, evidence, status_of

#: where the image of MultiPL-E's authors and Debian have the library that Java programs import
JAVATUPLES = ("/usr/multiple/javatuples-1.2.jar", "/usr/share/java/javatuples.jar")
_JAVA_PATH = ":".join((".", *JAVATUPLES))
#: seconds that a compiler may take, beside the program's own time limit
COMPILE_TIMEOUT = 60.0


#: puts an exit code at the end of a program
Leave = Callable[[str, int], str]


def _inside(statement: str, braces: int = 1) -> Leave:
    """Puts a statement before the last closing braces of a program: at the end of ``main``."""

    def put(program: str, code: int) -> str:
        at = len(program)
        for _ in range(braces):
            at = max(program.rfind("}", 0, at), 0)
        return f"{program[:at]}\n{statement.format(code)}\n{program[at:]}"

    return put


def _after(statement: str) -> Leave:
    """Puts a statement after the last line of a program."""

    def put(program: str, code: int) -> str:
        return f"{program}\n{statement.format(code)}\n"

    return put


@frozen
class Language:
    """How one language is run.

    ``tools`` must be there, and are in Debian's ``packages``; ``compiling``, where it is not empty,
    comes before ``running``; ``leave`` lets the program end with an exit code after its tests
    (None: the tests' own framework notices an early end, and success is 0). ``lacking`` is what a
    compiler says where a library is missing, and its way out.
    """

    file: str
    running: tuple[str, ...]
    compiling: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    leave: Leave | None = None
    lacking: tuple[str, str] | None = None


LANGUAGES: Mapping[str, Language] = {
    "cpp": Language(
        "answer.cpp",
        ("./answer",),
        ("g++", "-std=c++17", "answer.cpp", "-o", "answer"),
        ("g++",),
        ("g++",),
        _inside("return {0};"),
    ),
    "go": Language("answer_test.go", ("go", "test", "answer_test.go"), (), ("go",), ("golang-go",)),
    "java": Language(
        "Problem.java",
        ("java", "-ea", "-cp", _JAVA_PATH, "Problem"),
        ("javac", "-encoding", "UTF8", "-cp", _JAVA_PATH, "Problem.java"),
        ("javac", "java"),
        ("default-jdk-headless", "libjavatuples-java"),
        _inside("System.exit({0});", braces=2),
        (
            "package org.javatuples does not exist",
            f"put javatuples-1.2.jar at {JAVATUPLES[0]} or {JAVATUPLES[1]} of the sandbox",
        ),
    ),
    "js": Language(
        "answer.js", ("node", "answer.js"), (), ("node",), ("nodejs",), _after("process.exit({0});")
    ),
    "php": Language(
        "answer.php", ("php", "answer.php"), (), ("php",), ("php-cli",), _after("exit({0});")
    ),
    "rs": Language(
        "answer.rs",
        ("./answer",),
        ("rustc", "answer.rs", "-o", "answer"),
        ("rustc",),
        ("rustc",),
        _inside("std::process::exit({0});"),
    ),
    "sh": Language(
        "answer.sh", ("bash", "answer.sh"), (), ("bash",), ("bash",), _after("exit {0}")
    ),
}


def toolchain(language: str) -> EnvironmentSpec:
    """The environment that programs in a language need: its tools, from the packages of a Debian
    image where they are not there already.

    It is built once for all that use it. An image that has the tools is taken as it is; one that
    has neither them nor ``apt-get`` is refused, naming what is missing.
    """
    known = LANGUAGES[language]
    there = " && ".join(f"command -v {tool} >/dev/null" for tool in known.tools)
    if known.lacking:
        there += " && { " + " || ".join(f"[ -e {jar} ]" for jar in JAVATUPLES) + "; }"
    wanted = " ".join(known.packages)
    install = (
        "command -v apt-get >/dev/null && apt-get update -qq >/dev/null && "
        f"DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends {wanted}"
    )
    told = f"the image lacks {wanted}, and apt-get cannot install that: name an image that has it"
    return EnvironmentSpec(
        setup=(f"{{ {there}; }} || {{ {install}; }} || {{ echo '{told}' >&2; exit 1; }}",)
    )


@frozen
class MultiplEScorer(AsyncScorer):
    """1 where prompt, answer and tests, put together, compile and run to their end.

    The instance's metadata gives ``code_prefix`` (the prompt) and ``test``. The program must end
    with an exit code drawn anew each time, which stands after its last test. ``timeout`` is in
    seconds; None: 15, as MultiPL-E has it. A sandbox without the language's compiler or
    interpreter is a failed environment, not a wrong answer.
    """

    reads = "text"
    requires = frozenset({"bash"})
    name: str = "multipl_e"
    timeout: float | None = field(default=None, validator=validators.optional(validators.gt(0)))
    language: str = field(default="cpp", validator=validators.in_(tuple(LANGUAGES)))

    def program(self, instance: Instance, answer: str, exit_code: int) -> str:
        """The source to run; it ends with ``exit_code`` where every test passed."""
        known = instance.metadata
        source = f"{known['code_prefix']}{answer}\n{known['test']}"
        leave = LANGUAGES[self.language].leave
        return leave(source, exit_code) if leave else source

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        """1 or 0; how the program ended is recorded as ``execution``."""
        if output.extracted_answer is None:
            episode.record("execution", brief(Status.NO_CODE))
            return 0.0
        answer = str(output.extracted_answer)
        key = ["multipl_e", self.language, self.program(instance, answer, 0), self.timeout]
        result, status = await episode.once(key, lambda: self._ran(instance, answer, episode))
        passed = status is Status.PASSED
        episode.record("execution", brief(status) if passed else evidence(result, 4000, status))
        return float(passed)

    async def _ran(
        self, instance: Instance, answer: str, episode: Episode
    ) -> tuple[ExecResult, Status]:
        """The compiler's result where it failed, else the program's, and how that fared.

        Raises:
            SandboxError: a tool or a library that the programs of this language use is missing.
        """
        language = LANGUAGES[self.language]
        passed = random.randrange(65, 125) if language.leave else 0
        source = self.program(instance, answer, passed)
        sandbox = await episode.sandbox("bash")
        await self._require(sandbox, language.tools)
        await sandbox.write(language.file, source.encode("utf-8", "replace"))
        if language.compiling:
            compiled = await sandbox.exec(language.compiling, timeout=COMPILE_TIMEOUT)
            if language.lacking and language.lacking[0] in compiled.stdout + compiled.stderr:
                raise SandboxError(
                    f"{self.language}: {language.lacking[0]}", hint=language.lacking[1]
                )
            if compiled.exit_code != 0:
                refused = not (compiled.timed_out or compiled.limit)
                return compiled, Status.SYNTAX_ERROR if refused else status_of(compiled)
        ran = await sandbox.exec(language.running, timeout=self.timeout or 15.0)
        return ran, status_of(ran, ran.exit_code == passed, lines=10)

    async def _require(self, sandbox: Sandbox, tools: tuple[str, ...]) -> None:
        """Raise SandboxError where one of ``tools`` is missing."""
        for tool in tools:
            found = await sandbox.exec(["sh", "-c", f"command -v {tool}"], timeout=30.0)
            if found.exit_code != 0:
                raise SandboxError(
                    f"the sandbox has no {tool}, which programs in {self.language} need",
                    hint="install it there, or name a sandbox image that has it",
                )
