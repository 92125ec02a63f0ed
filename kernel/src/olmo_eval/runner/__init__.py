"""The flow of a run: plan -> feed -> ask -> score -> journal -> tables."""
