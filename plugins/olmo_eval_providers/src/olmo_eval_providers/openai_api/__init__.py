"""OpenAI's HTTP protocol: bodies, answers, errors, keys, prompt log-probabilities.

No engine of its own but a protocol: ``vllm_server`` speaks it to every server, and ``litellm``
where a ``base_url`` names one. It knows neither of them.
"""
