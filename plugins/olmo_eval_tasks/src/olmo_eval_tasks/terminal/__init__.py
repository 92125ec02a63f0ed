"""Tasks at a terminal: folders in the formats of Harbor and Terminal-Bench."""
