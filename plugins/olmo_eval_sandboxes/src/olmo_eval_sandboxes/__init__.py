"""Sandbox backends for olmo-eval."""
