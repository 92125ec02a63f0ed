"""The published names of scaffolds; they live in ``olmo_eval.agents``, and those with a brand name
in plugins."""

from olmo_eval.agents.lookup import (
    SCAFFOLD_REGISTRY,
    get_scaffold,
    get_scaffold_extras,
    list_scaffolds,
    register_scaffold,
    validate_scaffold,
)
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.supplied import from_registry

__all__ = [
    "SCAFFOLD_REGISTRY",
    "Scaffold",
    "get_scaffold",
    "get_scaffold_extras",
    "list_scaffolds",
    "register_scaffold",
    "validate_scaffold",
]

__getattr__ = from_registry(
    __name__,
    "scaffolds",
    {"OpenAIAgentsScaffold": "openai_agents", "OpenHandsScaffold": "openhands"},
    "olmo-eval-scaffolds",
)
