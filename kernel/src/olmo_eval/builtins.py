"""What the kernel itself supplies, through the same hooks as any plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from olmo_eval.hookspecs import hookimpl

if TYPE_CHECKING:
    from olmo_eval.commands import CommandGroup

#: command -> where it is, and what it does in one line
_COMMANDS = {
    "baseline": (
        "olmo_eval.cli.baseline:baseline",
        "The run that others are compared with.",
    ),
    "bisect": (
        "olmo_eval.cli.bisect:bisect",
        "Find the checkpoint at which a task broke, or was learned.",
    ),
    "compare": (
        "olmo_eval.cli.compare:compare",
        "Compare runs question by question, with a verdict.",
    ),
    "completion": (
        "olmo_eval.cli.completion:completion",
        "What makes a shell complete commands and options.",
    ),
    "data": ("olmo_eval.cli.data:data", "What tasks read; fill an offline mirror."),
    "doctor": (
        "olmo_eval.cli.doctor:doctor",
        "Check this installation and this machine, with the way out.",
    ),
    "executors": ("olmo_eval.cli.listing:executors", "List executors."),
    "exporters": ("olmo_eval.cli.listing:exporters", "List formats of transcripts."),
    "external": (
        "olmo_eval.cli.external:external",
        "List and run benchmarks with their own runner.",
    ),
    "formatters": ("olmo_eval.cli.listing:formatters", "List formatters."),
    "harnesses": ("olmo_eval.cli.listing:harnesses", "List harness presets."),
    "hook": (
        "olmo_eval.cli.hook:hook",
        "Write a callback by which a trainer asks for evaluations.",
    ),
    "importers": ("olmo_eval.cli.listing:importers", "List logs that can be imported."),
    "judge": (
        "olmo_eval.cli.judge:judge",
        "What judges; how far a judge agrees with people, and with itself.",
    ),
    "judges": ("olmo_eval.cli.listing:judges", "List judges."),
    "metrics": ("olmo_eval.cli.listing:metrics", "List metrics."),
    "models": ("olmo_eval.cli.listing:models", "List model presets."),
    "new": ("olmo_eval.cli.new:new", "Write a package to begin with: tasks, a provider, ..."),
    "noise": (
        "olmo_eval.cli.noise:noise",
        "How much answers differ between repeats of one evaluation.",
    ),
    "plan": (
        "olmo_eval.cli.plan:plan",
        "What a run would reuse, ask and cost; what it could tell.",
    ),
    "plugins": ("olmo_eval.cli.listing:plugins", "Who provides what; what failed to load and why."),
    "providers": ("olmo_eval.cli.listing:providers", "List inference providers."),
    "rescore": (
        "olmo_eval.cli.rescore:rescore",
        "Score recorded outputs again, not asking the model.",
    ),
    "results": ("olmo_eval.cli.results:results", "List and show runs; data out and in."),
    "run": ("olmo_eval.cli.run:run", "Evaluate a model on tasks; rerunning resumes."),
    "sandbox": ("olmo_eval.cli.sandbox:sandbox", "Try a sandbox; list and remove what is left."),
    "sandboxes": ("olmo_eval.cli.listing:sandboxes", "List sandbox backends."),
    "scaffolds": ("olmo_eval.cli.listing:scaffolds", "List scaffolds."),
    "scorers": ("olmo_eval.cli.listing:scorers", "List scorers."),
    "suite": ("olmo_eval.cli.suite:suite", "Look at a suite."),
    "suites": ("olmo_eval.cli.listing:suites", "List suites."),
    "task": ("olmo_eval.cli.task:task", "Look at a task: its instances, its requests, its tokens."),
    "tasks": ("olmo_eval.cli.listing:tasks", "List tasks."),
    "tools": ("olmo_eval.cli.listing:tools", "List tools."),
    "track": (
        "olmo_eval.cli.track:track",
        "Scores and questions over the checkpoints of a training run.",
    ),
    "trust": ("olmo_eval.cli.trust:trust", "Which tasks tell models apart at this scale."),
    "variants": ("olmo_eval.cli.variants:variants", "List variants of tasks, with what they set."),
    "verify": (
        "olmo_eval.cli.verify:verify",
        "Check that runs are what was written: digests, and scores from rows.",
    ),
    "why": (
        "olmo_eval.cli.why:why",
        "Where a number is from: formula, instances, request, model, data, code.",
    ),
    "watch": (
        "olmo_eval.cli.watch:watch",
        "Evaluate each checkpoint of a training run once, as it is saved.",
    ),
}

_FORMATTERS = {
    "chat": "olmo_eval.common.formatters:ChatFormatter",
    "cloze": "olmo_eval.common.formatters:ClozeFormatter",
    "completion": "olmo_eval.common.formatters:CompletionFormatter",
    "generation": "olmo_eval.common.formatters:GenerationFormatter",
    "lettered": "olmo_eval.common.formatters:LetteredFormatter",
    "mcqa_chat": "olmo_eval.common.formatters:MCQAChatFormatter",
    "multiple_choice": "olmo_eval.common.formatters:MultipleChoiceFormatter",
    "multiple_choice_logprob": "olmo_eval.common.formatters:MultipleChoiceLogprobFormatter",
    "ppl": "olmo_eval.common.formatters:PPLFormatter",
    "rolling": "olmo_eval.common.formatters:RollingFormatter",
}

_METRICS = {
    "acc_per_char": "olmo_eval.common.metrics.choice:LogprobPerCharMCAccuracyMetric",
    "acc_per_token": "olmo_eval.common.metrics.choice:LogprobPerTokenMCAccuracyMetric",
    "acc_raw": "olmo_eval.common.metrics.choice:LogprobMCAccuracyMetric",
    "acc_uncond": "olmo_eval.common.metrics.choice:LogprobUncondMCAccuracyMetric",
    "accuracy": "olmo_eval.common.metrics.accuracy:AccuracyMetric",
    "bits_per_byte": "olmo_eval.common.metrics.likelihood:BPBMetricInstanceAvg",
    "bits_per_byte_corpus": "olmo_eval.common.metrics.likelihood:BPBMetricByteAvg",
    "f1": "olmo_eval.common.metrics.accuracy:F1Metric",
    "greedy_accuracy": "olmo_eval.common.metrics.choice:GreedyAccuracyMetric",
    "majority_vote": "olmo_eval.common.metrics.samples:MajorityVoteMetric",
    "pass_at": "olmo_eval.common.metrics.samples:PassAtKMetric",
    "pass_pow": "olmo_eval.common.metrics.samples:PassPowKMetric",
    "perplexity": "olmo_eval.common.metrics.likelihood:MeanPerplexityMetric",
    "perplexity_byte": "olmo_eval.common.metrics.likelihood:BytePerplexityMetric",
    "perplexity_corpus": "olmo_eval.common.metrics.likelihood:CorpusPerplexityMetric",
    "recall": "olmo_eval.common.metrics.accuracy:RecallMetric",
    "squad_f1": "olmo_eval.common.metrics.accuracy:SQuADF1Metric",
    "subset_accuracy": "olmo_eval.common.metrics.accuracy:SubsetAccuracyMetric",
    "tool_accuracy": "olmo_eval.common.metrics.accuracy:ToolAccuracyMetric",
}

_SCORERS = {
    "bits_per_byte": "olmo_eval.common.scorers.likelihood:BitsPerByteScorer",
    "exact_match": "olmo_eval.common.scorers.text:ExactMatchScorer",
    "exact_match_flex": "olmo_eval.common.scorers.text:ExactMatchFlexScorer",
    "f1": "olmo_eval.common.scorers.text:F1Scorer",
    "judge": "olmo_eval.common.scorers.judge:JudgeScorer",
    "llm_judge": "olmo_eval.common.scorers.model_judge:LLMJudgeScorer",
    "logprob": "olmo_eval.common.scorers.likelihood:LogprobScorer",
    "multiple_choice": "olmo_eval.common.scorers.text:MultipleChoiceScorer",
    "perplexity": "olmo_eval.common.scorers.likelihood:PerplexityScorer",
    "rubric_judge": "olmo_eval.common.scorers.model_judge:RubricJudgeScorer",
    "squad_f1": "olmo_eval.common.scorers.text:SQuADF1Scorer",
    "substring_recall": "olmo_eval.common.scorers.text:SubstringRecallScorer",
    "tool_argument": "olmo_eval.common.scorers.tools:ToolArgumentScorer",
    "tool_call": "olmo_eval.common.scorers.tools:ToolCallScorer",
    "tool_sequence": "olmo_eval.common.scorers.tools:ToolSequenceScorer",
    "trajectory_combined": "olmo_eval.common.scorers.trajectory:TrajectoryCombinedScorer",
    "trajectory_efficiency": "olmo_eval.common.scorers.trajectory:TrajectoryEfficiencyScorer",
    "trajectory_response": "olmo_eval.common.scorers.trajectory:TrajectoryResponseScorer",
    "trajectory_state": "olmo_eval.common.scorers.trajectory:TrajectoryStateScorer",
}


_CHECKS = {
    "cache": "olmo_eval.doctor.places:cache",
    "data": "olmo_eval.doctor.places:data",
    "names": "olmo_eval.doctor.installation:names",
    "plugins": "olmo_eval.doctor.installation:loaded",
    "python": "olmo_eval.doctor.installation:python",
    "results": "olmo_eval.doctor.places:results",
    "terminal": "olmo_eval.doctor.places:terminal",
}


@hookimpl
def register_scorers(register: Any) -> None:
    for name, place in _SCORERS.items():
        register(name, place)


@hookimpl
def register_metrics(register: Any) -> None:
    for name, place in _METRICS.items():
        register(name, place)


@hookimpl
def register_formatters(register: Any) -> None:
    for name, place in _FORMATTERS.items():
        register(name, place)


@hookimpl
def register_providers(register: Any) -> None:
    register("mock", "olmo_eval.providers.mock:MockProvider")
    register("replay", "olmo_eval.runner.replay:ReplayProvider")


@hookimpl
def register_harnesses(register: Any) -> None:
    register("default", "olmo_eval.harness.presets:DEFAULT")


@hookimpl
def register_executors(register: Any) -> None:
    register("local", "olmo_eval.runner.executor:LocalExecutor")


@hookimpl
def register_checks(register: Any) -> None:
    for name, place in _CHECKS.items():
        register(name, place)


@hookimpl
def register_commands(cli: CommandGroup) -> None:
    for name, (place, summary) in _COMMANDS.items():
        cli.add_lazy_command(name, place, summary)
