"""The published names of providers; they live in ``olmo_eval.providers``."""

from olmo_eval.common.types import Capability
from olmo_eval.providers.provider import Provider, ProviderConfig, current_instance

__all__ = ["Capability", "Provider", "ProviderConfig", "current_instance"]
