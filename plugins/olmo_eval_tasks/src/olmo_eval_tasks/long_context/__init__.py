"""Long texts with something to find in them, made by seed: what the RULER tasks ask about."""
