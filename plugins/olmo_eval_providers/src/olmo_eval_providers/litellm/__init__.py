"""Commercial APIs, and anything OpenAI-compatible, through LiteLLM."""
