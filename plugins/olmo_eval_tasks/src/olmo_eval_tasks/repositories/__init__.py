"""Repositories that an agent changes, and the tests that decide about its change."""
