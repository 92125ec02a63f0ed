"""Data: from a DataSource (a file, a hub data set, an ``s3://`` URL) to rows."""

from olmo_eval.data.fewshot import (
    describe_fewshot_set,
    fewshot_set_names,
    load_fewshot_set,
)
from olmo_eval.data.loader import DataLoader, Location
from olmo_eval.data.source import DataSource, SourceKind

__all__ = [
    "DataLoader",
    "DataSource",
    "Location",
    "SourceKind",
    "describe_fewshot_set",
    "fewshot_set_names",
    "load_fewshot_set",
]
