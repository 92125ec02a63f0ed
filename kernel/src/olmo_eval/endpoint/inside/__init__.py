"""What runs inside an environment: scripts of the standard library, put there as they are."""
