"""A model folder's tokenizer, and what an engine that follows the rule receives."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.common.types import LMRequest, RequestType, ToolSchema
from olmo_eval.errors import ProviderError
from olmo_eval.providers.engine_input import engine_inputs
from olmo_eval.providers.tokenizer import ModelTokenizer

pytest.importorskip("tokenizers", reason="the tokenizers library is not installed")
pytest.importorskip("jinja2", reason="chat templates are rendered by jinja2")

TINY = Path(__file__).parents[3] / "examples" / "tiny_model" / "checkpoints" / "step1000"
BOS, EOS = 256, 257


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A byte-level tokenizer of one's own; its settings may be changed."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / name, tmp_path / name)
    return tmp_path


def change(folder: Path, **settings: Any) -> Path:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    return folder


def chat(*messages: tuple[str, str], **more: Any) -> LMRequest:
    written = tuple({"role": role, "content": content} for role, content in messages)
    return LMRequest(RequestType.CHAT, messages=written, **more)


def test_bos_as_the_tokenizer_has_it_or_as_it_is_wanted(folder: Path) -> None:
    assert ModelTokenizer(folder).encode("a") == [BOS, ord("a")]
    assert ModelTokenizer(folder, add_bos=True).encode("a") == [BOS, ord("a")]
    assert ModelTokenizer(folder, add_bos=False).encode("a") == [ord("a")]


@pytest.mark.parametrize(
    ("adds", "wanted", "plain", "with_its_own"),
    [
        (True, None, [BOS, 97], [BOS, 97]),
        (True, False, [97], [BOS, 97]),
        (False, None, [97], [BOS, 97]),
        (False, True, [BOS, 97], [BOS, 97]),
        (False, False, [97], [BOS, 97]),
    ],
)
def test_bos_stands_there_once(
    folder: Path, adds: bool, wanted: bool | None, plain: list[int], with_its_own: list[int]
) -> None:
    if not adds:
        path = folder / "tokenizer.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "post_processor": None}))
    tokenizer = ModelTokenizer(folder, add_bos=wanted)

    assert tokenizer.encode("a") == plain
    assert tokenizer.encode("<bos>a") == with_its_own


def test_special_tokens_have_names_and_no_text(folder: Path) -> None:
    tokenizer = ModelTokenizer(folder)
    assert tokenizer.special_ids >= {BOS, EOS}
    assert tokenizer.token_text(BOS) == "<bos>"
    assert tokenizer.decode([BOS, ord("a"), EOS]) == "a"


def test_a_chat_is_encoded_as_its_template_writes_it(folder: Path) -> None:
    (received,) = engine_inputs(ModelTokenizer(folder), chat(("user", "Hi")), 100, 4)
    assert received.text == "<bos>Question: Hi\nAnswer:"
    assert received.tokens is not None
    assert [t.id for t in received.tokens] == [BOS, *b"Question: Hi\nAnswer:"]
    assert [t.special for t in received.tokens].count(True) == 1


def test_templates_of_files_and_of_several_names(folder: Path) -> None:
    several = [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]
    assert (
        ModelTokenizer(change(folder, chat_template=several)).render_chat(chat(("user", ""))) == "D"
    )
    (folder / "chat_template.jinja").write_text("F{{ bos_token }}{{ eos_token }}")
    assert ModelTokenizer(folder).render_chat(chat(("user", ""))) == "F<bos><eos>"


def test_templates_get_tools_and_arguments_as_objects(folder: Path) -> None:
    template = (
        "{% for t in tools %}[{{ t.function.name }}]{% endfor %}{% for m in messages %}"
        "{% for c in m.tool_calls or [] %}{{ c.function.arguments.a + 1 }}{% endfor %}{% endfor %}"
    )
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
    request = LMRequest(
        RequestType.CHAT,
        messages=({"role": "assistant", "content": None, "tool_calls": [call]},),
        tools=(ToolSchema("add", "adds"),),
    )
    assert ModelTokenizer(change(folder, chat_template=template)).render_chat(request) == "[add]3"


def test_what_a_template_cannot_do_is_said(folder: Path) -> None:
    tools = (ToolSchema("add", "adds"),)
    with pytest.raises(ProviderError, match="takes no tools"):
        ModelTokenizer(folder).render_chat(chat(("user", "Hi"), tools=tools))
    refusing = change(folder, chat_template="{{ raise_exception('roles must alternate') }}")
    with pytest.raises(ProviderError, match="roles must alternate"):
        ModelTokenizer(refusing).render_chat(chat(("user", "Hi")))
    with pytest.raises(ProviderError, match="no chat template"):
        ModelTokenizer(change(folder, chat_template=None)).render_chat(chat(("user", "Hi")))


def test_broken_folders_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer_config.json").write_text("[]")
    with pytest.raises(ProviderError, match=r"tokenizer_config.json does not hold a JSON object"):
        ModelTokenizer(folder)
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ProviderError, match=r"tokenizer.json is not a readable tokenizer"):
        ModelTokenizer(folder)
    with pytest.raises(ProviderError, match=r"has no tokenizer\.json"):
        ModelTokenizer(tmp_path / "nothing")


def test_a_part_of_a_character_is_written_as_the_vocabulary_does(folder: Path) -> None:
    request = LMRequest(RequestType.COMPLETION, prompt="é")
    (received,) = engine_inputs(ModelTokenizer(folder), request, 100, 4)
    assert received.tokens is not None
    assert [t.text for t in received.tokens] == ["<bos>", "Ã", "©"]


def test_each_continuation_is_shown_with_what_is_scored(folder: Path) -> None:
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt="Q: ", continuations=("yes", "no"))
    yes, no = engine_inputs(ModelTokenizer(folder), request, 100, None)
    assert (yes.text, no.text) == ("Q: yes", "Q: no")
    assert no.tokens is not None and no.scored_from == 3
    assert "".join(t.text for t in no.tokens[no.scored_from :]) == " no"


def test_what_is_cut_on_the_left_is_not_shown(folder: Path) -> None:
    tokenizer = ModelTokenizer(folder)
    scored = LMRequest(RequestType.LOGLIKELIHOOD, prompt="abcdefgh", continuations=("xy",))
    (received,) = engine_inputs(tokenizer, scored, 5, None)
    assert (received.text, received.dropped) == ("fghxy", 5)
    assert received.tokens is not None and received.tokens[0].id == BOS
    prompt = LMRequest(RequestType.COMPLETION, prompt="abcdefgh")
    (received,) = engine_inputs(tokenizer, prompt, 8, 100)
    assert (received.text, received.dropped) == ("defgh", 3)
    assert received.tokens is not None and received.tokens[0].id == BOS


def test_a_long_text_is_shown_window_by_window(folder: Path) -> None:
    request = LMRequest(RequestType.ROLLING, prompt="abcdefgh")
    windows = engine_inputs(ModelTokenizer(folder), request, 3, None)
    assert [w.text for w in windows] == ["abc", "cdef", "efgh"]
    scored = [w.tokens[w.scored_from :] for w in windows if w.tokens is not None]
    assert "".join(t.text for part in scored for t in part) == "abcdefgh"
