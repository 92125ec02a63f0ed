"""Other evaluation frameworks, each in an environment of its own, as external evals."""
