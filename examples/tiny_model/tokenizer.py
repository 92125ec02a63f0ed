"""A byte-level tokenizer without merges: token id = byte value, then three special tokens.

Written as a standard `tokenizer.json` and `tokenizer_config.json`, so `tokenizers`, transformers
and vLLM load it like any other. It prepends `<bos>` to what it encodes (the Llama convention) and
never appends `<eos>`; the chat template writes its own `<bos>`, so text rendered by the template
is encoded with `add_special_tokens=False`.
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

BOS, EOS, PAD = "<bos>", "<eos>", "<pad>"
BOS_ID, EOS_ID, PAD_ID = 256, 257, 258
VOCAB_SIZE = 288  # 259 ids in use; padded to a multiple of 32 as larger models do

# A user's turn becomes a question, the assistant's its answer: the form that training used.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% elif message['role'] == 'user' %}Question: {{ message['content'] }}\n"
    "{% elif message['role'] == 'assistant' %}Answer: {{ message['content'] }}\n\n"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}Answer:{% endif %}"
)


def byte_symbols() -> list[str]:
    """The printable character that the byte-level pre-tokenizer uses for each byte, by value.

    Printable Latin-1 bytes stand for themselves; the others take the library's remaining symbols
    in order.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    themselves = {ord(symbol) for symbol in alphabet if ord(symbol) < 256}
    others = iter(symbol for symbol in alphabet if ord(symbol) >= 256)
    return [chr(byte) if byte in themselves else next(others) for byte in range(256)]


def build() -> Tokenizer:
    vocab = {symbol: byte for byte, symbol in enumerate(byte_symbols())}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in (BOS, EOS, PAD)]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, BOS_ID)]
    )
    return tokenizer


def save(folder: Path, max_length: int) -> None:
    """Write tokenizer.json and tokenizer_config.json into `folder`."""
    build().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "add_bos_token": True,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": max_length,
        "chat_template": CHAT_TEMPLATE,
    }
    text = json.dumps(config, indent=2) + "\n"
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
