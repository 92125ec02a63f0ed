r"""MGSM: 250 of GSM8K's test problems, translated by people into ten languages.

- Data: ``juletxara/mgsm``, one subset a language, test split, 250 problems each; English too.
- Prompt: the question and "Step-by-Step Answer:" in the problem's own language, as the worked
  examples of the data have them.
- Shots: none; ``8shot`` takes the eight worked examples of the train split.
- Extraction: the number after "The answer is" in the language, ``####`` or in ``\boxed{}``, else
  the last number; digits of any script.
- Metric: exact match of the number.
"""

from __future__ import annotations

from typing import Any, ClassVar

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.numbers import MARKS, stated_number
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.subjects import MGSM_LANGUAGES
from olmo_eval_tasks.word_problems import ROBUST, WordProblems

#: how a problem, its worked answer, and the result begin
_WORDS = {
    "bn": ("প্রশ্ন:", "ধাপে ধাপে উত্তর:", "উত্তর হল"),
    "de": ("Frage:", "Schritt-für-Schritt-Antwort:", "Die Antwort lautet"),
    "en": ("Question:", "Step-by-Step Answer:", "The answer is"),
    "es": ("Pregunta:", "Respuesta paso a paso:", "La respuesta es"),
    "fr": ("Question :", "Réponse étape par étape :", "La réponse est"),
    "ja": ("問題:", "ステップごとの答え:", "答えは"),
    "ru": ("Задача:", "Пошаговое решение:", "Ответ —"),
    "sw": ("Swali:", "Jibu la Hatua kwa Hatua:", "Jibu ni"),
    "te": ("ప్రశ్న:", "దశలవారీగా సమాధానం:", "సమాధానం"),
    "th": ("โจทย์:", "คำตอบทีละขั้นตอน:", "คำตอบคือ"),
    "zh": ("问题:", "逐步解答:", "答案是"),
}


class Mgsm(WordProblems):
    """GSM8K in other languages."""

    expected_instances = 250
    num_fewshot = 0
    fewshot_source = None
    fewshot_split = "train"
    card = Card(
        citation="Shi et al. 2022, Language Models are Multilingual Chain-of-Thought Reasoners",
        url="https://arxiv.org/abs/2210.03057",
        licence="CC-BY-SA-4.0",
    )
    #: the words of the language: before the problem, before the answer, before the result
    words: ClassVar[tuple[str, str, str]]

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return self.problem(doc["question"], doc["answer_number"])

    def process_fewshot_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        """A worked example, whose question and answer begin with the words of the prompt."""
        question, answer = (
            doc[key].removeprefix(word).strip()
            for key, word in zip(("question", "answer"), self.words, strict=False)
        )
        return self.problem(question, doc["answer_number"], solution=answer)

    def extract_answer(self, output: LMOutput) -> str | None:
        return stated_number(output.text, (*MARKS, self.words[2]))


for _language in MGSM_LANGUAGES:
    _question, _answer, _ = _WORDS[_language]
    _template = f"{_question} {{question}}\n{_answer}"
    _attributes = {
        "__module__": __name__,
        "__doc__": Mgsm.__doc__,
        "data_source": DataSource(path="juletxara/mgsm", subset=_language, split="test"),
        "formatter": GenerationFormatter(template=_template, fewshot_answer_key="solution"),
        "sampling_params": SamplingParams(
            max_tokens=1024, stop_sequences=(_question, "</s>", "<|im_end|>")
        ),
        "words": _WORDS[_language],
    }
    register(f"mgsm_{_language}")(type(f"Mgsm{_language.title()}", (Mgsm,), _attributes))
    register_variant(f"mgsm_{_language}", "8shot", num_fewshot=8)
    register_variant(
        f"mgsm_{_language}", "robust", **{**ROBUST, "stop_sequences": (f"\n{_question}",)}
    )
