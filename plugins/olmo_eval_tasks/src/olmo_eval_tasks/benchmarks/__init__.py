"""One module a benchmark family, named for the family; each reads like the benchmark's paper."""
