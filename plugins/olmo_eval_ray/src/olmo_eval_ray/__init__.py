"""Runs of olmo-eval on a Ray cluster."""
