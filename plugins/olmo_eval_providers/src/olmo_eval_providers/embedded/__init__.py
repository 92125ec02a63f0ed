"""A Llama in numpy: small checkpoints run anywhere, without an engine or torch."""
