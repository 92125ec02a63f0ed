"""Logs and transcripts of other programs."""
