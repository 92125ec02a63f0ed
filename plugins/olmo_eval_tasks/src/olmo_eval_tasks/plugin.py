"""The index: every name that this package supplies, and where it is.

Listing names imports no benchmark; using one imports its module.
"""

from __future__ import annotations

from typing import Any

from olmo_eval import hookimpl
from olmo_eval_tasks.subjects import (
    AGIEVAL_EXAMS,
    AIME_YEARS,
    BASIC_SKILLS,
    BBH_TASKS,
    BBQ_CATEGORIES,
    BFCL_CATEGORIES,
    CODE_FRESH_LANGUAGES,
    GENETURING_MODULES,
    GPQA_DOMAINS,
    GPQA_SETS,
    HMMT_TOURNAMENTS,
    LAB_BENCH_SETS,
    MATH_SUBJECTS,
    MGSM_LANGUAGES,
    MMLU_PRO_CATEGORIES,
    MMLU_SUBJECTS,
    MT_MBPP_LANGUAGES,
    MULTIPL_E_BENCHMARKS,
    MULTIPL_E_LANGUAGES,
    OMEGA_SETTINGS,
    RULER_KINDS,
    RULER_LENGTHS,
)

#: the tasks of every family, in alphabetical order of the modules of ``benchmarks/``
BENCHMARKS: dict[str, tuple[str, ...]] = {
    "agieval": tuple(f"agieval_{exam}" for exam in AGIEVAL_EXAMS),
    "aime": tuple(f"aime_{year}" for year in AIME_YEARS),
    "alpaca_eval": ("alpaca_eval",),
    "aqua_rat": ("aqua_rat",),
    "arc": ("arc_easy", "arc_challenge"),
    "asdiv": ("asdiv",),
    "astabench_sqa": ("astabench_scholarqa",),
    "basic_skills": tuple(f"basic_skills_{skill}" for skill in BASIC_SKILLS),
    "bbh": tuple(f"bbh_{task}" for task in BBH_TASKS),
    "bbq": tuple(f"bbq_{category}" for category in BBQ_CATEGORIES),
    "bfcl": tuple(f"bfcl_{category}" for category in BFCL_CATEGORIES),
    "bigcodebench": ("bigcodebench",),
    "boolq": ("boolq",),
    "c4": ("c4", "c4_1k", "c4_10k", "c4_100k"),
    "code_fresh": tuple(f"code_fresh_{language}" for language in CODE_FRESH_LANGUAGES),
    "coqa": ("coqa", "coqa:rc", "coqa:mc", "coqa:bpb"),
    "cruxeval": ("cruxeval_input", "cruxeval_output"),
    "csqa": ("csqa",),
    "deepseek_leetcode": ("deepseek_leetcode",),
    "drop": ("drop", "drop:rc", "drop:mc", "drop:bpb"),
    "ds1000": ("ds1000",),
    "expertqa": ("expertqa",),
    "geneturing": tuple(f"geneturing_{module}" for module in GENETURING_MODULES),
    "gpqa": tuple(
        f"gpqa_{part}{domain}"
        for part in GPQA_SETS
        for domain in ("", *(f"_{name}" for name in GPQA_DOMAINS))
    ),
    "gsm8k": ("gsm8k",),
    "gsm_hard": ("gsm_hard",),
    "gsm_symbolic": ("gsm_symbolic",),
    "harmbench": ("harmbench",),
    "hellaswag": ("hellaswag",),
    "hmmt": tuple(f"hmmt_{tournament}" for tournament in HMMT_TOURNAMENTS),
    "humaneval": ("humaneval", "humaneval_plus", "codex_humaneval", "humaneval:olmo3base"),
    "humanevalfim": tuple(f"humanevalfim_{kind}" for kind in ("single", "multi", "random")),
    "ifeval": ("ifeval",),
    "ifeval_mt": (
        "ifeval_mt_wildchat_unused_withRewrite",
        "ifeval_mt_ood_wildchat_unused_withRewrite",
    ),
    "ifeval_ood": ("ifeval_ood",),
    "jeopardy": ("jeopardy", "jeopardy:rc", "jeopardy:mc", "jeopardy:bpb"),
    "lab_bench": tuple(
        f"lab_bench_{part}{kind}" for part in LAB_BENCH_SETS for kind in ("", ":bpb")
    ),
    "lambada": ("lambada",),
    "litsearch": ("litsearch", "litsearch_rerank"),
    "livecodebench": ("livecodebench",),
    "mbpp": ("mbpp", "mbpp_plus", "mbpp:bpb", "mbpp:olmo3base"),
    "medmcqa": ("medmcqa",),
    "medqa": ("medqa", "medqa_en"),
    "mgsm": tuple(f"mgsm_{language}" for language in MGSM_LANGUAGES),
    "minerva_math": (
        *(f"minerva_math_{subject}{kind}" for subject in MATH_SUBJECTS for kind in ("", ":bpb")),
        "math500",
    ),
    "minervamath": ("minervamath",),
    "mmlu": tuple(f"mmlu_{subject}{kind}" for subject in MMLU_SUBJECTS for kind in ("", ":rc")),
    "mmlu_pro": ("mmlu_pro", *(f"mmlu_pro_{category}" for category in MMLU_PRO_CATEGORIES)),
    "mmlu_redux": tuple(f"mmlu_redux_{subject}" for subject in MMLU_SUBJECTS),
    "mt_bench": ("mt_bench",),
    "multilingual_mbpp": tuple(
        f"{prefix}_{language}"
        for prefix in ("mt_mbpp", "mt_mbpp_v2fix")
        for language in MT_MBPP_LANGUAGES
    ),
    "multipl_e": tuple(
        f"multipl_e_{benchmark}_{language}"
        for benchmark in MULTIPL_E_BENCHMARKS
        for language in MULTIPL_E_LANGUAGES
    ),
    "naturalqs": ("naturalqs", "naturalqs:rc", "naturalqs:mc", "naturalqs:bpb"),
    "omega": tuple(
        f"omega_{way}_{setting}" for way, settings in OMEGA_SETTINGS.items() for setting in settings
    ),
    "openbookqa": ("openbookqa",),
    "perplexity": ("perplexity",),
    "piqa": ("piqa",),
    "popqa": ("popqa",),
    "qasc": ("qasc",),
    "qasper_yesno": ("qasper_yesno",),
    "ruler": tuple(f"ruler_{kind}__{n}" for kind in RULER_KINDS for n in RULER_LENGTHS),
    "scicode": ("scicode", "scicode_dev"),
    "sciq": ("sciq", "sciq:bpb"),
    "sciriff_yesno": ("sciriff_yesno",),
    "serialized": ("serialized",),
    "simpleqa": ("simpleqa", "simpleqa:search"),
    "socialiqa": ("socialiqa",),
    "squad": ("squad", "squad:rc", "squad:mc", "squad:bpb"),
    "svamp": ("svamp",),
    "swe_bench": ("swe_bench", "swe_bench_lite", "swe_bench_verified", "swe_tiny"),
    "terminal": ("terminal", "terminal_tiny"),
    "triviaqa": ("triviaqa",),
    "truthfulqa": ("truthfulqa_mc1", "truthfulqa_mc2"),
    "winogrande": ("winogrande",),
    "zebralogic": ("zebralogic",),
}

#: the tasks of every module of this package that registers some
TASKS: dict[str, tuple[str, ...]] = {
    **{f"benchmarks.{family}": names for family, names in BENCHMARKS.items()},
    "tiny.tasks": (
        "tiny_facts",
        "tiny_sums",
        "tiny_sums_mc",
        "tiny_reading",
        "tiny_text",
        "tiny_null",
    ),
}

#: families whose data not everybody gets from the hub: ``"gated"``, ``"private"`` or ``"package"``
#: (it comes with one); their cards say how to get it
ACCESS: dict[str, str] = {
    "astabench_sqa": "gated",
    "bfcl": "package",
    "gpqa": "gated",
    "scicode": "package",
    "serialized": "private",
    "zebralogic": "private",
}

SCORERS = {
    "answered": "scorers.abstention:AnsweredScorer",
    "any_mention": "scorers.answers:AnyMentionScorer",
    "attributed_qa": "scorers.attributed:AttributedQAScorer",
    "code_exec": "scorers.code:CodeExecutionScorer",
    "drop_exact_match": "scorers.drop:DROPExactMatchScorer",
    "drop_f1": "scorers.drop:DROPF1Scorer",
    "function_calls": "scorers.function_calls:FunctionCallsScorer",
    "gold_recall": "scorers.found:GoldRecallScorer",
    "ifbench": "scorers.ifeval.ifbench:IFBenchScorer",
    "ifeval": "scorers.ifeval.scorer:IFEvalScorer",
    "jaccard": "scorers.answers:JaccardScorer",
    "math_verify": "scorers.math:MathVerifyScorer",
    "minerva_math_flex": "scorers.math:MinervaMathScorer",
    "mt_bench_judge": "scorers.mt_bench:MTBenchScorer",
    "multipl_e": "scorers.multipl_e:MultiplEScorer",
    "number": "scorers.numbers:NumberScorer",
    "output_prediction": "scorers.output_prediction:OutputPredictionScorer",
    "pairwise_judge": "scorers.win_rate:PairwiseJudgeScorer",
    "program_tests": "scorers.program_tests:ProgramTestsScorer",
    "reward": "scorers.reward:RewardScorer",
    "resolved": "scorers.resolved:ResolvedScorer",
    "safety_judge": "scorers.safety:SafetyScorer",
    "scicode": "scorers.scicode:ScicodeScorer",
    "simpleqa_judge": "scorers.simpleqa:SimpleQAJudgeScorer",
    "squad_exact_match": "scorers.answers:SQuADExactMatchScorer",
    "zebra_grid": "scorers.zebra:ZebraGridScorer",
}

METRICS = {
    "accuracy_given_attempted": "scorers.simpleqa:AccuracyGivenAttempted",
    "cell_accuracy": "scorers.zebra:CellAccuracy",
    "found_rate": "scorers.found:FoundRate",
    "global_avg": "scorers.attributed:GlobalAverage",
    "gold_recall": "scorers.found:GoldRecall",
    "inst_level_loose_acc": "scorers.ifeval.metrics:IFEvalInstLooseAccuracy",
    "inst_level_strict_acc": "scorers.ifeval.metrics:IFEvalInstStrictAccuracy",
    "not_attempted_rate": "scorers.simpleqa:NotAttemptedRate",
    "parsed": "scorers.zebra:ParsedRate",
    "prompt_level_loose_acc": "scorers.ifeval.metrics:IFEvalPromptLooseAccuracy",
    "prompt_level_strict_acc": "scorers.ifeval.metrics:IFEvalPromptStrictAccuracy",
    "puzzle_accuracy": "scorers.zebra:PuzzleAccuracy",
    "position_bias": "scorers.win_rate:PositionBias",
    "position_consistency": "scorers.win_rate:PositionConsistency",
    "rating": "scorers.mt_bench:RatingMetric",
    "report": "scorers.attributed:ReportMetric",
    "win_rate": "scorers.win_rate:WinRateMetric",
}

OLMO_EVAL_API = 1


@hookimpl
def register_tasks(register: Any) -> None:
    for module, names in TASKS.items():
        for name in names:
            register(
                name, f"olmo_eval_tasks.{module}", access=ACCESS.get(module.rpartition(".")[2], "")
            )


@hookimpl
def register_suites(register: Any) -> None:
    from olmo_eval_tasks import suites
    from olmo_eval_tasks.tiny import suites as tiny

    for suite in (*suites.SUITES, *tiny.SUITES):
        register(suite.name, suite)


@hookimpl
def register_scorers(register: Any) -> None:
    for name, target in SCORERS.items():
        register(name, f"olmo_eval_tasks.{target}")


@hookimpl
def register_metrics(register: Any) -> None:
    for name, target in METRICS.items():
        register(name, f"olmo_eval_tasks.{target}")


@hookimpl
def register_external_evals(register: Any) -> None:
    register("key_retrieval", "olmo_eval_tasks.external.key_retrieval:KeyRetrieval")
