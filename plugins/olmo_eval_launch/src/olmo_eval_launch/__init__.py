"""Runs of olmo-eval as jobs of the schedulers that people have."""
