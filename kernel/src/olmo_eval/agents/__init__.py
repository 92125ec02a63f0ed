"""Everything that happens between a question and its final answer."""
