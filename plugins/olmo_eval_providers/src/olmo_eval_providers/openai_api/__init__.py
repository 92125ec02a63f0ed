"""OpenAI's HTTP protocol: bodies, answers, errors, prompt log-probabilities."""
