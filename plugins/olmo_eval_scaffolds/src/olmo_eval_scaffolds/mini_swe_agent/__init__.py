"""The scaffold ``mini_swe_agent``, and what it takes of the package of that name."""
