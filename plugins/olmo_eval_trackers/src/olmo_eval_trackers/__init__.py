"""Scores of olmo-eval in the experiment trackers people use."""
