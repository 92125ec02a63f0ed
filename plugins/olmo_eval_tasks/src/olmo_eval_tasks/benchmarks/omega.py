r"""OMEGA: mathematics generated from templates, to test three ways to generalise.

- Data: ``allenai/omega-explorative`` (harder problems of one skill), ``omega-compositional`` (two
  skills in one problem) and ``omega-transformative`` (problems that ask for another approach),
  55 settings in all, one subset each. The test split, for explorative ``test_in``; its variant
  ``test_out`` asks the harder problems.
- Prompt: a chat; the data's own message.
- Shots: none.
- Extraction: the last ``\boxed{}`` or "final answer is", else the last formula.
- Metric: accuracy by ``math_verify`` and by ``minerva_math_flex``.
- Nothing of this family could be compared with the data, only its fields with their description.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.competitions import Competition
from olmo_eval_tasks.subjects import OMEGA_SETTINGS


class Omega(Competition):
    """One setting."""

    formatter = ChatFormatter(assistant_template=r"\boxed{{answer}}")
    sampling_params = SamplingParams(max_tokens=16384)
    card = Card(
        citation="Sun et al. 2025, OMEGA: Can LLMs Reason Outside the Box in Math? Evaluating "
        "Exploratory, Compositional, and Transformative Generalization",
        url="https://arxiv.org/abs/2506.18880",
        licence="MIT",
        defects=("some transformative settings have fewer than twenty test problems",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        question = doc["messages"][0]["content"]
        return self.problem(question, doc["ground_truth"], id=str(doc["id"]))


for _way, _settings in OMEGA_SETTINGS.items():
    _path, _explorative = f"allenai/omega-{_way}", _way == "explorative"
    for _setting in _settings:
        _split = "test_in" if _explorative else "test"
        _attributes = {
            "__module__": __name__,
            "__doc__": f"{_way.capitalize()}: {_setting.replace('_', ' ')}.",
            "data_source": DataSource(path=_path, subset=_setting, split=_split),
        }
        _name = f"omega_{_way}_{_setting}"
        register(_name)(type(_name.title().replace("_", ""), (Omega,), _attributes))
        if _explorative:
            _harder = DataSource(path=_path, subset=_setting, split="test_out")
            register_variant(_name, "test_out", data_source=_harder)
