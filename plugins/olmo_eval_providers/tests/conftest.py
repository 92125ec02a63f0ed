"""A small real HTTP server that speaks OpenAI's protocol and can be told to misbehave."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


def fake_tokens(text):
    """Words with the space before them; every token's log-probability is -len / 10."""
    return re.findall(r"\s*\S+|\s+$", text)


class FakeOpenAI(ThreadingHTTPServer):
    """``faults`` is consumed one a request: "429" (with Retry-After), "500", "drop", "slow:1.5",
    "not json", or a ``(status, body, headers)`` answer. ``abilities`` are what it
    really does; with "tokenize" it has a token for each character and for ``<s>``, which it puts in
    front."""

    daemon_threads = True

    def __init__(self, port=0, key=None):
        super().__init__(("127.0.0.1", port), _Handler)
        self.key = key  # what clients must show, where it is not None
        self.faults, self.requests, self.headers, self.times = [], [], [], []
        self.most_stops = 1000  # stop sequences that it takes
        self.refuses = set()  # parameters that it does not take, as reasoning models' service does
        self.abilities = {"echo", "prompt_logprobs", "n", "batch"}
        self.logprob_of = {}  # of prompt tokens, where it is not what ``fake_tokens`` says
        self.generated_logprob = -0.5
        self.reply = "a reply STOP more"
        self.message = {}
        self.finish = "stop"
        self.delay = 0.0
        self.active = self.peak = 0
        self.limit = None  # calls at once above which it answers 429
        self.lock = threading.Lock()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def asked(self, path):
        return [body for p, body in self.requests if p == path]

    def handle_error(self, request, client_address):
        pass  # clients hang up in these tests on purpose


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        known = {"object": "list", "data": [{"id": "any", "max_model_len": 100}]}
        if self._authorized():
            self._send(200, known) if self.path == "/v1/models" else self._send(404, {})

    def _authorized(self):
        key = self.server.key
        if key is None or self.headers.get("Authorization") == f"Bearer {key}":
            return True
        self._send(401, {"error": {"message": "wrong key"}})
        return False

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.active += 1
            server.peak = max(server.peak, server.active)
            crowded = server.limit is not None and server.active > server.limit
            server.requests.append((self.path, body))
            server.headers.append(dict(self.headers))
            server.times.append(time.monotonic())
            fault = server.faults.pop(0) if server.faults else None
        try:
            time.sleep(server.delay)
            if self._authorized():
                fault = "429" if crowded else fault
                self._misbehave(fault) or self._refused(body) or self._answer(body)
        finally:
            with server.lock:
                server.active -= 1

    def _refused(self, body):
        if len(body.get("stop") or ()) > self.server.most_stops:
            self._send(400, {"error": {"message": f"at most {self.server.most_stops} stop"}})
            return True
        for name in self.server.refuses & body.keys():
            if (name, body[name]) != ("temperature", 1):
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                self._send(400, {"error": {"message": message, "param": name}})
                return True
        return False

    def _misbehave(self, fault):
        if fault is None:
            return False
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "429":
            self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.3"})
        elif fault == "not json":
            self._send(200, b"<html>")
        elif fault.startswith("slow:") if isinstance(fault, str) else False:
            time.sleep(float(fault[5:]))
            return False
        elif isinstance(fault, str):
            self._send(int(fault), {"error": {"message": f"broken {fault}"}})
        else:
            self._send(*fault)
        return True

    def _send(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, body):
        server = self.server
        if self.path == "/v1/chat/completions":
            count = body.get("n", 1) if "n" in server.abilities else 1
            message = {"role": "assistant", "content": server.reply, **server.message}
            choices = [
                {"index": i, "message": message, "finish_reason": server.finish}
                for i in range(count)
            ]
            self._complete("chat.completion", choices)
        elif self.path == "/v1/completions":
            prompts = body["prompt"]
            prompts = prompts if isinstance(prompts, list) else [prompts]
            if len(prompts) > 1 and "batch" not in server.abilities:
                prompts = prompts[:1]
            count = body.get("n", 1) if "n" in server.abilities else 1
            texts = [p for p in prompts for _ in range(count)]
            self._complete(
                "text_completion", [self._choice(body, p, i) for i, p in enumerate(texts)]
            )
        elif self.path == "/tokenize" and "tokenize" in server.abilities:
            start = [1] if body["add_special_tokens"] else []
            parts = re.findall(r"<s>|.", body["prompt"], re.S)
            tokens = start + [1 if part == "<s>" else ord(part) for part in parts]
            self._send(200, {"tokens": tokens})
        elif self.path == "/detokenize" and "tokenize" in server.abilities:
            text = "".join("<s>" if token == 1 else chr(token) for token in body["tokens"])
            self._send(200, {"prompt": text})
        else:
            self._send(404, {"error": {"message": "no such path"}})

    def _choice(self, body, prompt, index):
        server = self.server
        choice = {"index": index, "text": server.reply, "finish_reason": server.finish}
        tokens = fake_tokens(prompt)
        scores = [None] + [server.logprob_of.get(t, -len(t) / 10) for t in tokens[1:]]
        if "prompt_logprobs" in body and "prompt_logprobs" in server.abilities:
            choice["prompt_logprobs"] = [
                {"7": {"logprob": s, "rank": 1, "decoded_token": t}} if number else None
                for number, (t, s) in enumerate(zip(tokens, scores, strict=True))
            ]
        if body.get("echo") and "echo" in server.abilities:
            tops = [None if s is None else {"x": s + 0.1} for s in scores]
            choice["logprobs"] = {
                "tokens": tokens,
                "token_logprobs": scores,
                "top_logprobs": tops,
            }
        elif body.get("logprobs") is not None:
            found = [server.generated_logprob]
            choice["logprobs"] = {"tokens": ["a"], "token_logprobs": found, "top_logprobs": [{}]}
        return choice

    def _complete(self, kind, choices):
        usage = {
            "prompt_tokens": 10,
            "completion_tokens": 5 * len(choices),
            "total_tokens": 10 + 5 * len(choices),
            "prompt_tokens_details": {"cached_tokens": 4},
        }
        answer = {"id": "x", "object": kind, "created": 1, "model": "any", "usage": usage}
        self._send(200, {**answer, "choices": choices})


@pytest.fixture
def openai_server():
    server = FakeOpenAI()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def broken_at(tmp_path_factory):
    """``broken_at(token, source)`` is a copy of a checkpoint with an embedding of NaN for a token,
    and with an output matrix that is as it was: what reads the token has no answer."""
    import numpy as np
    from safetensors.numpy import load_file, save_file

    def make(token, source):
        folder = tmp_path_factory.mktemp("broken") / "model"
        shutil.copytree(source, folder)
        weights = load_file(folder / "model.safetensors")
        embeddings = weights["model.embed_tokens.weight"]
        weights.setdefault("lm_head.weight", embeddings.copy())
        embeddings[token] = np.nan
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
        return folder

    return make
