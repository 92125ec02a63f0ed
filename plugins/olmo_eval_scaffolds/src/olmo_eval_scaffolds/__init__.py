"""Multi-turn loops, tools and judges for olmo-eval."""
