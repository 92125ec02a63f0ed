"""Scorers that belong to a family of benchmarks rather than to the kernel."""
