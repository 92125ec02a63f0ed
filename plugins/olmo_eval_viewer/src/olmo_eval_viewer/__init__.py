"""The results viewer: ``olmo-eval view``."""
