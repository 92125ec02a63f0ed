"""Benchmark tasks, suites and task-specific scorers for olmo-eval.

One module a benchmark; each reads like the benchmark's paper: source, prompt, shots, extraction,
metric, citation. ``plugin`` is the index that olmo-eval reads.
"""
