"""The words of the workbench: types, formatters, scorers, metrics."""
