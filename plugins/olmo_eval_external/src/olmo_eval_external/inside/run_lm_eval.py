"""lm-evaluation-harness on a model behind an endpoint. Runs in an environment that has lm_eval."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from channel import Channel, UsageFault, told

#: what lm_eval asks of a generation -> what the endpoint calls it
_SAMPLING = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "seed": "seed"}
#: what lm_eval's models take that says nothing to this one
_IDLE = {"until", "do_sample", "max_gen_toks", "max_new_tokens", "max_tokens"}
_LONGEST = 256


class Client:
    """Posts to the endpoint; a connection for each thread."""

    def __init__(self, base_url: str, key: str, model: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._model = model
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._local = threading.local()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        data = json.dumps({"model": self._model, **body}).encode()
        if not hasattr(self._local, "connection"):
            assert self._host is not None
            self._local.connection = http.client.HTTPConnection(self._host, self._port)
        connection = self._local.connection
        try:
            connection.request("POST", self._path + path, data, self._headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        if reply.status != 200:
            raise RuntimeError(f"the model could not be asked: {answer['error']['message']}")
        return answer


def make_model(channel: Channel, client: Client, concurrency: int) -> Any:
    """The model as lm_eval knows models."""
    from lm_eval.api.model import LM
    from lm_eval.models.api_models import JsonChatStr

    class EndpointModel(LM):  # type: ignore[misc]
        """Log-likelihoods and texts of the model behind the endpoint."""

        def _all(self, call: Callable[[Any], list[Any]], jobs: Sequence[Any], total: int) -> Any:
            """The results of every job, in order; how many are there is told on the way."""
            results: list[Any] = []
            with ThreadPoolExecutor(concurrency) as pool:
                for found in pool.map(call, jobs):
                    results += found
                    channel.progress(len(results), total)
            return results

        def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
            pairs = [request.args for request in requests]
            # continuations of one context are one request
            grouped = itertools.groupby(pairs, key=lambda pair: pair[0])
            jobs = [(context, [pair[1] for pair in group]) for context, group in grouped]

            def measure(job: tuple[str, list[str]]) -> list[tuple[float, bool]]:
                body = {"prompt": job[0], "continuations": job[1]}
                return [_measured(one) for one in client.post("/loglikelihood", body)["results"]]

            return self._all(measure, jobs, len(requests))  # type: ignore[no-any-return]

        def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
            def measure(text: str) -> list[float]:
                answer = client.post("/loglikelihood", {"prompt": text, "rolling": True})
                return [_measured(answer["results"][0])[0]]

            texts = [request.args[0] for request in requests]
            return self._all(measure, texts, len(requests))  # type: ignore[no-any-return]

        def generate_until(self, requests: list[Any]) -> list[str]:
            def generate(job: tuple[Any, dict[str, Any]]) -> list[str]:
                context, settings = job
                body = sampling(settings)
                if isinstance(context, JsonChatStr):
                    answer = client.post(
                        "/chat/completions", {"messages": json.loads(context.prompt), **body}
                    )
                    return [answer["choices"][0]["message"]["content"] or ""]
                answer = client.post("/completions", {"prompt": context, **body})
                return [answer["choices"][0]["text"]]

            jobs = [request.args for request in requests]
            return self._all(generate, jobs, len(requests))  # type: ignore[no-any-return]

        def apply_chat_template(
            self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
        ) -> Any:
            if not add_generation_prompt:
                raise UsageFault("this task continues an answer of the model, which chats do not")
            return JsonChatStr(json.dumps(chat_history, ensure_ascii=False))

        @property
        def tokenizer_name(self) -> str:
            return ""

    return EndpointModel()


def _measured(result: dict[str, Any]) -> tuple[float, bool]:
    if result["logprob"] is None:
        raise RuntimeError("the model's log-probabilities are not finite")
    return result["logprob"], bool(result["is_greedy"])


def sampling(settings: dict[str, Any]) -> dict[str, Any]:
    """How a task wants its texts generated, as the endpoint takes it."""
    unknown = set(settings) - set(_SAMPLING) - _IDLE
    if unknown:
        raise UsageFault(f"the task sets {', '.join(sorted(unknown))}, which cannot be honoured")
    limits = (settings.get(name) for name in ("max_gen_toks", "max_new_tokens", "max_tokens"))
    until = settings.get("until") or []
    body: dict[str, Any] = {
        "max_tokens": next((limit for limit in limits if limit is not None), _LONGEST),
        "stop": [until] if isinstance(until, str) else list(until),
        **{theirs: settings[ours] for ours, theirs in _SAMPLING.items() if ours in settings},
    }
    if not settings.get("do_sample", bool(settings.get("temperature"))):
        body["temperature"] = 0.0
    return {"temperature": 0.0, **body}


def evaluate(channel: Channel) -> dict[str, Any]:
    """lm_eval's own results of the job."""
    from lm_eval import simple_evaluate

    job = channel.job
    client = Client(job["base_url"], job["api_key"], job["model"])
    manager = manager_of(job["tasks"], job["include_path"])
    found = simple_evaluate(
        model=make_model(channel, client, job["concurrency"]),
        tasks=tasks_of(job["tasks"], manager),
        task_manager=manager,
        num_fewshot=job["num_fewshot"],
        limit=job["limit"],
        apply_chat_template=job["apply_chat_template"],
        fewshot_as_multiturn=job["fewshot_as_multiturn"],
        system_instruction=job["system_instruction"],
        gen_kwargs=job["gen_kwargs"] or None,
        log_samples=True,
        bootstrap_iters=0,
        confirm_run_unsafe_code=job["unsafe_code"],
        random_seed=job["seed"],
        numpy_random_seed=job["seed"],
        torch_random_seed=job["seed"],
        fewshot_random_seed=job["seed"],
    )
    assert found is not None, "only other ranks have no results"
    return dict(found)


def manager_of(named: Sequence[str], include_path: str | None) -> Any:
    """What finds the tasks. lm_eval's own are thousands of files, which are left unread where each
    task is a file or a task (no group) of ``include_path``, which goes before them."""
    from lm_eval.tasks import TaskManager

    own = TaskManager(include_path=include_path, include_defaults=False)
    alone = all(name in own.all_subtasks or is_task_file(name) for name in named)
    return own if alone else TaskManager(include_path=include_path)


def is_task_file(name: str) -> bool:
    """Whether a YAML file is a task by itself, and no group of others."""
    from lm_eval.tasks._yaml_loader import load_yaml

    return is_file(name) and not {"group", "tag"} & set(load_yaml(name, resolve_func=False))


def is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def tasks_of(named: Sequence[str], manager: Any) -> list[Any]:
    """The tasks: names that lm_eval knows, and YAML files."""
    found: list[Any] = []
    for name in named:
        if is_file(name):
            from lm_eval.tasks._yaml_loader import load_yaml

            found.append(load_yaml(name, resolve_func=True))
            continue
        known = manager.match_tasks([name])
        if not known:
            raise UsageFault(
                f"lm_eval knows no task {name!r}",
                "a name of lm_eval's, a YAML file, or -a include_path=FOLDER of your own",
            )
        found += known
    return found


# -- what came out


def report(channel: Channel, found: dict[str, Any]) -> None:
    """Send the metrics of every task and group that was asked for, and all samples."""
    values = {**found["results"], **found.get("groups", {})}
    groups = found.get("group_subtasks", {})
    top = shown(values, groups)
    for task in top:
        for key, value in values[task].items():
            if is_metric(key, value):
                higher = found["higher_is_better"].get(task, {}).get(key.partition(",")[0])
                channel.send("metric", task=task, name=metric_name(key), value=value, higher=higher)
    parents = {leaf: group for group in top for leaf in leaves(group, groups)}
    for task, samples in found["samples"].items():
        for sample in joined(task, samples):
            channel.send("sample", task=parents.get(task, task), leaf=task, **sample)
    channel.send(
        "metadata",
        value={
            "versions": found["versions"],
            "n-shot": found["n-shot"],
            "n-samples": found["n-samples"],
            "configs": found["configs"],
        },
    )


def shown(values: dict[str, dict[str, Any]], groups: dict[str, list[str]]) -> list[str]:
    """The outermost tasks and groups that have metrics of their own."""
    inner = {name for names in groups.values() for name in names}
    queue = [name for name in values if name not in inner]
    found: list[str] = []
    while queue:
        name = queue.pop(0)
        if any(is_metric(key, value) for key, value in values.get(name, {}).items()):
            found.append(name)
        else:
            queue = [*groups.get(name, []), *queue]
    return found


def leaves(name: str, groups: dict[str, list[str]]) -> Iterable[str]:
    """The tasks of a group, of its groups as well; a task is its own."""
    inner = groups.get(name) or []
    if not inner:
        yield name
    for one in inner:
        yield from leaves(one, groups)


def is_metric(key: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "," in key and "_stderr," not in key and number and math.isfinite(value)


def metric_name(key: str) -> str:
    """``acc,none`` is ``acc``; another filter's is ``acc (strict-match)``."""
    name, _, of = key.partition(",")
    return name if of == "none" else f"{name} ({of})"


def joined(task: str, samples: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """One value a document, from the samples of all filters."""
    documents: dict[int, dict[str, Any]] = {}
    seen: dict[str, int] = {}
    for sample in samples:
        place = sample["doc_id"]
        if place not in documents:
            again = seen[sample["doc_hash"]] = seen.get(sample["doc_hash"], -1) + 1
            documents[place] = {
                "id": sample["doc_hash"][:20] + (f"-{again}" if again else ""),
                "doc_id": place,
                "question": question(sample["arguments"]),
                "answer": answer(sample),
                "gold": str(sample["target"]),
                "scores": {},
            }
        scores = documents[place]["scores"]
        for name in sample["metrics"]:
            value = per_document(name, sample[name])
            if value is not None:
                scores[metric_name(f"{name},{sample['filter']}")] = value
    return documents.values()


def per_document(name: str, value: Any) -> float | None:
    """What a document's value of a metric is by itself; None where only all of them have one.

    Of perplexities a sample has its log-likelihood and its length, which make its own perplexity.
    """
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        loglikelihood, length = value
        per_unit = -loglikelihood / length
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if name in ("word_perplexity", "byte_perplexity"):
        return math.exp(per_unit)
    return per_unit / math.log(2) if name == "bits_per_byte" else None


def question(arguments: Sequence[Any]) -> str:
    context = arguments[0][0]
    return str(getattr(context, "prompt", context))


def answer(sample: dict[str, Any]) -> str:
    """The text, or the continuation that was found the most probable."""
    given = sample["filtered_resps"]
    first = given[0] if given else ""
    if isinstance(first, str):
        return first
    try:
        best = max(range(len(given)), key=lambda i: given[i][0])
        return str(sample["arguments"][best][1])
    except (IndexError, TypeError):
        return str(first)


def main() -> None:
    channel = Channel()
    with told(channel):
        for name in channel.job["tasks"]:
            if is_file(name) and not Path(name).is_file():
                raise UsageFault(f"there is no file {name}")
        report(channel, evaluate(channel))


if __name__ == "__main__":
    main()
