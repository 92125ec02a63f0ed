"""Benchmarks that keep their own loop and scoring."""
