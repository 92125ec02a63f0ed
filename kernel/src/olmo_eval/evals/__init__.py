"""What is measured: tasks, suites, external evals."""
