"""The tools that ask the web: Serper (Google's results, the text of pages), Semantic Scholar.

A service that is gone, refuses the key or lets one wait beyond patience is no answer to a model:
the episode ends as infra_failed, and no score is made of it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import anyio
from attrs import field, frozen

from olmo_eval.agents.tools import ToolError, ToolUnavailableError, tool
from olmo_eval.common.retry import with_retries
from olmo_eval.errors import TransientError
from olmo_eval_scaffolds.extras import require

aiohttp = require("aiohttp", "web")

#: https://serper.dev and https://api.semanticscholar.org/api-docs
SERPER = "https://google.serper.dev/search"
SCRAPER = "https://scrape.serper.dev"
SCHOLAR = "https://api.semanticscholar.org/graph/v1/paper/search"

_RESULTS = 5
_PAGE = 4_000  # characters of a page that the model is shown
_ABSTRACT = 500
_SECONDS = 30.0  # of one attempt
_ATTEMPTS = 5
_BACKOFF = 1.0  # seconds
_FIELDS = "title,abstract,url,year,authors,corpusId"
_BUSY = frozenset({429, 500, 502, 503, 504})


class Pace:
    """Lets one request begin every ``seconds``, whoever asks."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._next = 0.0

    async def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            begin = max(now, self._next)
            self._next = begin + self.seconds
        await anyio.sleep(begin - now)


#: Semantic Scholar allows one request a second to a key, over all of its endpoints
SCHOLAR_PACE = Pace(1.1)


@frozen
class _Question:
    """One request to a service."""

    service: str
    url: str
    method: str = "POST"
    key: str = ""
    key_header: str = "X-API-KEY"
    json: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None
    pace: Pace | None = field(default=None)

    async def ask(self) -> Any:
        """The reply, after retries.

        Raises:
            ToolError: the service cannot answer this very question.
            ToolUnavailableError: it does not answer at all, or not to us.
        """
        try:
            return await with_retries(
                self._ask, max_retries=_ATTEMPTS - 1, timeout=_SECONDS, base=_BACKOFF
            )
        except TransientError as error:
            raise ToolUnavailableError(f"{self.service}: {error.message}") from error

    async def _ask(self) -> Any:
        if self.pace is not None:
            await self.pace.wait()
        headers = {self.key_header: self.key} if self.key else {}
        try:
            async with (
                aiohttp.ClientSession(trust_env=True) as client,
                client.request(
                    self.method, self.url, headers=headers, json=self.json, params=self.params
                ) as reply,
            ):
                self._check(reply.status, reply.headers, await reply.text())
                return await reply.json(content_type=None)
        except aiohttp.ClientError as error:
            raise TransientError(f"no answer ({error or type(error).__name__})") from error
        except ValueError as error:
            raise TransientError("the answer is not JSON") from error

    def _check(self, status: int, headers: Mapping[str, str], text: str) -> None:
        said = " ".join(text.split())[:200]
        if status in _BUSY:
            raise TransientError(f"status {status}: {said}", retry_after=_seconds(headers))
        if status in (401, 402, 403):
            raise ToolUnavailableError(
                f"{self.service} refuses the key (status {status}): {said}",
                hint="check the key and its quota",
            )
        if status >= 400:
            raise ToolError(f"{self.service} cannot answer this (status {status}): {said}")


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        return float(headers.get("Retry-After", ""))
    except ValueError:
        return None


@tool(secrets=("SERPER_API_KEY",))
async def serper_google_webpage_search(query: str) -> str:
    """Search the web with Google; returns titles, snippets and addresses.

    Args:
        query: What to search for.
    """
    _said(query, "query")
    key = os.environ["SERPER_API_KEY"]
    found = await _Question(
        "Serper", SERPER, key=key, json={"q": query.strip(), "num": _RESULTS}
    ).ask()
    parts = []
    box = found.get("answerBox") or {}
    if answer := box.get("answer") or box.get("snippet"):
        parts.append(f"Answer: {answer}")
    graph = found.get("knowledgeGraph") or {}
    if graph.get("title") and graph.get("description"):
        parts.append(f"{graph['title']}: {graph['description']}")
    for number, page in enumerate((found.get("organic") or [])[:_RESULTS], 1):
        lines = [page.get("title"), page.get("snippet"), page.get("link")]
        parts.append(f"{number}. " + "\n".join(str(line) for line in lines if line))
    return "\n\n".join(parts) or "Nothing was found."


@tool(secrets=("SERPER_API_KEY",))
async def serper_fetch_webpage_content(url: str) -> str:
    """Read the text of a web page.

    Args:
        url: The address of the page, with http or https.
    """
    _said(url, "url")
    key = os.environ["SERPER_API_KEY"]
    try:
        found = await _Question("Serper", SCRAPER, key=key, json={"url": url.strip()}).ask()
    except ToolUnavailableError as error:
        if isinstance(error.__cause__, TransientError) and "status 5" in error.message:
            raise ToolError(f"The page cannot be read ({error.message}).") from error
        raise
    text = str(found.get("text") or "")
    if not text.strip():
        return "The page has no text."
    left = len(text) - _PAGE
    return text if left <= 0 else f"{text[:_PAGE]}\n[{left} more characters are left out]"


@tool
async def semantic_scholar_snippet_search(query: str) -> str:
    """Search academic papers in Semantic Scholar; returns titles, authors and abstracts.

    Args:
        query: What the papers should be about.
    """
    _said(query, "query")
    found = await _Question(
        "Semantic Scholar",
        SCHOLAR,
        method="GET",
        key=os.environ.get("S2_API_KEY", ""),
        key_header="x-api-key",
        params={"query": query.strip(), "limit": str(_RESULTS), "fields": _FIELDS},
        pace=SCHOLAR_PACE,
    ).ask()
    papers = found.get("data") or []
    return "\n\n".join(map(_paper, papers)) or "No paper was found."


def _paper(paper: Mapping[str, Any]) -> str:
    names = [str(author.get("name")) for author in paper.get("authors") or []]
    authors = ", ".join(names[:3]) + (" et al." if len(names) > 3 else "")
    abstract = str(paper.get("abstract") or "")
    cut = f"{abstract[:_ABSTRACT]}..." if len(abstract) > _ABSTRACT else abstract
    year = f" ({paper['year']})" if paper.get("year") else ""
    corpus_id = f"Corpus ID {paper['corpusId']}" if paper.get("corpusId") is not None else ""
    lines = [f"{paper.get('title') or 'Untitled'}{year}", authors, cut, paper.get("url"), corpus_id]
    return "\n".join(str(line) for line in lines if line)


def _said(text: str, name: str) -> None:
    if not text.strip():
        raise ToolError(f"{name} is empty.")
