"""Names of things that plugins supply, as published task packs write them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from olmo_eval.common.types.tools import ToolSchema


class ProviderKind(StrEnum):
    """Names of the usual providers; any registered name may stand where one is expected."""

    VLLM = "vllm"
    VLLM_SERVER = "vllm_server"
    LITELLM = "litellm"
    HF = "hf"
    MOCK = "mock"


ProviderLiteral = Literal["vllm", "vllm_server", "litellm", "hf", "mock"]
DtypeLiteral = Literal["auto", "float16", "bfloat16", "float32", "half", "float"]
LoadFormatLiteral = Literal["auto", "pt", "safetensors", "npcache", "dummy"]
PriorityLiteral = Literal["low", "normal", "high", "urgent"]


class MetricName(StrEnum):
    """Names of the usual metrics, for ``primary_metric``."""

    ACCURACY = "accuracy"
    F1 = "f1"
    RECALL = "recall"
    BITS_PER_BYTE = "bits_per_byte"
    PERPLEXITY = "perplexity"
    CORPUS_PERPLEXITY = "corpus_perplexity"
    GREEDY_ACCURACY = "greedy_accuracy"
    PASS_AT_1 = "pass_at_1"


def _search(name: str, description: str, argument: str, meaning: str) -> ToolSchema:
    properties = {argument: {"type": "string", "description": meaning}}
    parameters = {"type": "object", "properties": properties, "required": [argument]}
    return ToolSchema(name, description, parameters)


SEMANTIC_SCHOLAR_SEARCH = _search(
    "semantic_scholar_snippet_search",
    "Search the text of scientific papers.",
    "query",
    "what to look for",
)
SERPER_WEB_SEARCH = _search(
    "serper_google_webpage_search", "Search the web.", "query", "what to look for"
)
SERPER_FETCH_WEBPAGE = _search(
    "serper_fetch_webpage_content", "Fetch the text of a web page.", "url", "its address"
)
SEARCH_TOOLS = (SEMANTIC_SCHOLAR_SEARCH, SERPER_WEB_SEARCH, SERPER_FETCH_WEBPAGE)
SEARCH_TOOL_NAMES = tuple(tool.name for tool in SEARCH_TOOLS)
