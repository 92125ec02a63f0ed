"""Benchmark tasks: what a task is, how it is registered and named."""
