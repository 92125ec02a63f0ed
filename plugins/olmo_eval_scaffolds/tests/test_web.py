"""The tools that ask the web, with replies in the services' documented shapes over real HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import pytest

from olmo_eval.agents.tools import ToolError, ToolUnavailableError
from olmo_eval.common.types import LMRequest, Outcome, RequestType, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.harness import Capability, HarnessConfig, ProviderConfig, get_harness_preset
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import fresh_manager

pytestmark = pytest.mark.engine
pytest.importorskip("aiohttp", reason="web search needs olmo-eval-scaffolds[web]")

from olmo_eval_scaffolds.tools import web  # noqa: E402 (imports aiohttp)

SEARCHED = {
    "searchParameters": {"q": "capital of Peru", "type": "search", "num": 5},
    "answerBox": {"title": "Peru / Capital", "answer": "Lima"},
    "knowledgeGraph": {"title": "Lima", "type": "Capital of Peru", "description": "A large city."},
    "organic": [
        {
            "title": "Lima",
            "link": "https://example.org/lima",
            "snippet": "The city.",
            "position": 1,
        },
        {"title": "Peru", "link": "https://example.org/peru"},
    ],
}
SCRAPED = {"text": "Lima is the capital. " * 300, "metadata": {"title": "Lima"}, "credits": 2}
PAPERS = {
    "total": 1,
    "offset": 0,
    "data": [
        {
            "paperId": "649def34f8be52c8b66281af98ae884c09aef38b",
            "corpusId": 2314124,
            "url": "https://www.semanticscholar.org/paper/649def34",
            "title": "A study of cities",
            "year": 2018,
            "abstract": "We study cities. " * 50,
            "authors": [{"authorId": str(n), "name": f"Author {n}"} for n in range(1, 6)],
        },
        {"paperId": "0", "title": "Without more", "abstract": None, "authors": []},
    ],
}


class Service(ThreadingHTTPServer):
    """Replies with ``replies`` in turn, each ``(status, body, headers)``, the last for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def reply(self, *bodies: Any, status: int = 200, **headers: str) -> None:
        self.replies += [(status, body, headers) for body in bodies]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        asked = {"headers": dict(self.headers), "query": dict(parse_qsl(urlsplit(self.path).query))}
        self.server.asked.append({**asked, "json": json.loads(body) if body else None})
        replies = self.server.replies
        status, answer, headers = replies.pop(0) if len(replies) > 1 else replies[0]
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    server = Service()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    for name in ("SERPER", "SCRAPER", "SCHOLAR"):
        monkeypatch.setattr(web, name, server.url)
    monkeypatch.setattr(web, "_BACKOFF", 0.01)
    monkeypatch.setattr(web.SCHOLAR_PACE, "seconds", 0.0)
    monkeypatch.setenv("SERPER_API_KEY", "serper-key-1234")
    monkeypatch.delenv("S2_API_KEY", raising=False)
    yield server
    server.shutdown()
    server.server_close()


def ask(tool: Any, **arguments: str) -> str:
    async def main() -> str:
        text: str = await tool.function(**arguments)
        return text

    return anyio.run(main)


def test_a_search_shows_answer_and_pages(service: Service) -> None:
    service.reply(SEARCHED)
    assert ask(web.serper_google_webpage_search, query=" capital of Peru ").split("\n\n") == [
        "Answer: Lima",
        "Lima: A large city.",
        "1. Lima\nThe city.\nhttps://example.org/lima",
        "2. Peru\nhttps://example.org/peru",
    ]
    (asked,) = service.asked
    assert asked["json"] == {"q": "capital of Peru", "num": 5}
    assert asked["headers"]["X-API-KEY"] == "serper-key-1234"


def test_a_page_is_cut_visibly(service: Service) -> None:
    service.reply(SCRAPED)
    text = ask(web.serper_fetch_webpage_content, url="https://example.org/lima")
    assert text.startswith("Lima is the capital.") and len(text) < 4100
    assert text.endswith("[2300 more characters are left out]")
    assert service.asked[0]["json"] == {"url": "https://example.org/lima"}


def test_papers_are_shown_with_authors_and_abstract(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2_API_KEY", "scholar-key")
    service.reply(PAPERS)
    first, second = ask(web.semantic_scholar_snippet_search, query="cities").split("\n\n")
    title, authors, abstract, url, corpus = first.splitlines()
    assert title == "A study of cities (2018)" and corpus == "Corpus ID 2314124"
    assert authors == "Author 1, Author 2, Author 3 et al."
    assert abstract.endswith("...") and len(abstract) == 503 and url.startswith("https://")
    assert second == "Without more"
    (asked,) = service.asked
    assert asked["headers"]["x-api-key"] == "scholar-key"
    assert asked["query"]["query"] == "cities" and asked["query"]["limit"] == "5"


@pytest.mark.parametrize(
    ("tool", "arguments", "body", "said"),
    [
        (web.serper_google_webpage_search, {"query": "x"}, {}, "Nothing was found."),
        (web.serper_fetch_webpage_content, {"url": "x"}, {"text": " "}, "The page has no text."),
        (web.semantic_scholar_snippet_search, {"query": "x"}, {"total": 0}, "No paper was found."),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_nothing_found_is_said(
    service: Service, tool: Any, arguments: dict[str, str], body: Any, said: str
) -> None:
    service.reply(body)
    assert ask(tool, **arguments) == said
    assert "x-api-key" not in service.asked[0]["headers"]
    with pytest.raises(ToolError, match="is empty"):
        ask(tool, **dict.fromkeys(arguments, "  "))


def test_a_busy_service_is_asked_again_when_it_says_so(service: Service) -> None:
    service.reply({"message": "slow down"}, status=429, Retry_After="0.3")
    service.reply(b"<html>", status=503)
    service.reply(SEARCHED)
    begun = time.monotonic()
    assert "Answer: Lima" in ask(web.serper_google_webpage_search, query="x")
    assert len(service.asked) == 3 and time.monotonic() - begun >= 0.3


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (503, ToolUnavailableError, r"Serper: status 503: .*\(5 attempts\)"),
        (403, ToolUnavailableError, "Serper refuses the key"),
        (400, ToolError, "Serper cannot answer this"),
        (200, ToolUnavailableError, "the answer is not JSON"),
    ],
)
def test_failures_are_told_apart(
    service: Service, status: int, kind: type[Exception], said: str
) -> None:
    service.reply(b"<html>" if status == 200 else {"message": "no"}, status=status)
    with pytest.raises(kind, match=said):
        ask(web.serper_google_webpage_search, query="x")


def test_a_page_that_cannot_be_read_is_for_the_model(service: Service) -> None:
    service.reply({"message": "Scraping failed"}, status=500)
    with pytest.raises(ToolError, match="The page cannot be read"):
        ask(web.serper_fetch_webpage_content, url="https://example.org")


def test_requests_of_everybody_keep_their_distance() -> None:
    pace = web.Pace(0.1)

    async def main() -> float:
        begun = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(pace.wait)
        return time.monotonic() - begun

    assert anyio.run(main) >= 0.3


def run(replies: list[Any]) -> Any:
    provider = ProviderConfig(kind="mock", model="mock", kwargs={"replies": replies})
    config = HarnessConfig(provider=provider, scaffold="tool_loop", tools=("web_search",))
    request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "Capital?"},))

    async def main() -> Any:
        async with Harness(config) as harness:
            (output,) = await harness.execute(request, SamplingParams())
        return output

    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]):
        return anyio.run(main)


CALL = {"tool_calls": [{"name": "serper_google_webpage_search", "arguments": {"query": "Peru"}}]}


def test_an_agent_searches_under_the_short_name_too(service: Service) -> None:
    service.reply(SEARCHED)
    output = run([CALL, "Lima"])
    assert output.text == "Lima"
    assert "Answer: Lima" in output.trajectory.turns[0].tool_results[0].content


def test_an_agent_whose_service_is_gone_is_not_scored(service: Service) -> None:
    service.reply({"message": "out of credits"}, status=402)
    with pytest.raises(ProviderError, match="tool: Serper refuses the key"):
        run([CALL, "guessed"])
    assert Outcome.INFRA_FAILED.value == "infra_failed"


def test_a_run_without_the_key_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SERPER_API_KEY", raising=False)
    mock = ProviderConfig(kind="mock", model="mock")
    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]):
        reasons = Harness.refusals(
            get_harness_preset("dr_tulu").with_provider(mock), {Capability.CHAT}
        )
        papers = get_harness_preset("paper_search_agent").with_provider(mock)
        assert Harness.refusals(papers, {Capability.CHAT}) == []
    assert len(reasons) == 2 and all("SERPER_API_KEY" in reason for reason in reasons)
