"""The published names of search tools, which a plugin supplies."""

from olmo_eval.agents.tools import registered_tool
from olmo_eval.supplied import from_registry

__all__ = ["registered_tool"]

__getattr__ = from_registry(
    __name__,
    "tools",
    {
        "semantic_scholar_search": "semantic_scholar_snippet_search",
        "serper_fetch_page": "serper_fetch_webpage_content",
        "serper_web_search": "serper_google_webpage_search",
    },
    "olmo-eval-scaffolds",
)
