"""The evaluated model as a server that speaks OpenAI's protocol, for programs that ask one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.endpoint.server import Endpoint
    from olmo_eval.endpoint.service import Reply, ServedModel, Service

__all__ = ["Endpoint", "Reply", "ServedModel", "Service"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Endpoint": "olmo_eval.endpoint.server",
        "Reply": "olmo_eval.endpoint.service",
        "ServedModel": "olmo_eval.endpoint.service",
        "Service": "olmo_eval.endpoint.service",
    },
)
