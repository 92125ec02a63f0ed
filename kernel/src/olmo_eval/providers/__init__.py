"""The contract with an inference engine, and what every engine's provider may share."""

from olmo_eval.common.types import Capability
from olmo_eval.providers.provider import Provider, ProviderConfig

__all__ = ["Capability", "Provider", "ProviderConfig"]
