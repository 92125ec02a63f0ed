"""Programs that run beside what a model wrote; they import nothing but the standard library."""
