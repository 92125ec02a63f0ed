"""Inference providers of olmo-eval; nothing is imported here, so that listing names stays cheap."""

__version__ = "0.1.0"
