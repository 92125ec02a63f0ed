"""Any causal language model of transformers, on CPU or GPU, in sorted, prefix-sharing batches."""
