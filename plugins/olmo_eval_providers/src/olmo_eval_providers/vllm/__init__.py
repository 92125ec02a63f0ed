"""vLLM inside this process, with everything in flight at once."""
