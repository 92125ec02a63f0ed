"""The conformance kit on what the workspace itself ships."""

from __future__ import annotations

from pathlib import Path

from olmo_eval import plugins
from olmo_eval.harness import Provider, ProviderConfig
from olmo_eval.testing.provider import provider_contract
from olmo_eval.testing.task import task_contract

CHECKPOINTS = Path(__file__).resolve().parent.parent / "examples/tiny_model/checkpoints"


def embedded() -> Provider:
    last = sorted(CHECKPOINTS.iterdir(), key=lambda p: int(p.name.removeprefix("step")))[-1]
    cls: type[Provider] = plugins.manager().registry("providers").get("embedded")
    return cls(ProviderConfig(kind="embedded", model=str(last)))


test_embedded = provider_contract(embedded)
test_tiny_tasks = task_contract(
    "tiny_facts", "tiny_null", "tiny_reading", "tiny_sums", "tiny_sums_mc", "tiny_text"
)
