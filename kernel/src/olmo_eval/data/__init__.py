"""Data: from a DataSource (a file, a hub data set, an ``s3://`` URL) to rows."""

from olmo_eval.data.fewshot import (
    describe_fewshot_set,
    fewshot_set_names,
    load_fewshot_set,
)
from olmo_eval.data.loader import DataLoader, Location, get_default_loader, load_dataset
from olmo_eval.data.source import DataSource, SourceKind, SourceType

__all__ = [
    "DataLoader",
    "DataSource",
    "Location",
    "SourceKind",
    "SourceType",
    "describe_fewshot_set",
    "fewshot_set_names",
    "get_default_loader",
    "load_dataset",
    "load_fewshot_set",
]
