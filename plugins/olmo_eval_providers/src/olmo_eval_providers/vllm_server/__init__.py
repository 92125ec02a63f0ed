"""vLLM servers of our own, or any OpenAI-compatible one that is already running."""
