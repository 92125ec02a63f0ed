"""The tools that come with olmo-eval, each registered by its name."""
