"""Small random models of several architectures, with a byte-level tokenizer."""

from __future__ import annotations

import pytest

TEMPLATE = (
    "{% for tool in tools or [] %}[{{ tool.function.name }}]{% endfor %}"
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}({{ c.function.arguments.a }}){% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def byte_tokenizer(folder, *, bos=True):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {c: i for i, c in enumerate(alphabet)}
    vocab |= {"th": 256, "Ġa": 257, "ed": 258}
    merges = [("t", "h"), ("Ġ", "a"), ("e", "d")]
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<bos>", "<eos>"])
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            "<bos> $A", special_tokens=[("<bos>", 259)]
        )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<eos>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)


def config_of(kind):
    import transformers as t

    size = {"vocab_size": 264, "bos_token_id": 259, "eos_token_id": 260}
    wide = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, **size}
    llama = {**wide, "num_key_value_heads": 2, "intermediate_size": 96}
    if kind == "llama":
        return t.LlamaConfig(**llama, max_position_embeddings=512)
    if kind == "windowed":
        return t.MistralConfig(**llama, max_position_embeddings=512, sliding_window=32)
    if kind == "learned positions":
        return t.GPT2Config(n_embd=64, n_layer=2, n_head=4, n_positions=512, **size)
    return t.BloomConfig(hidden_size=64, n_layer=2, n_head=4, **size)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """``checkpoint(kind)`` is the folder of a random model, made once."""
    made = {}

    def make(kind="llama", bos=True):
        if (kind, bos) not in made:
            import torch
            from transformers import AutoModelForCausalLM

            folder = tmp_path_factory.mktemp("model")
            torch.manual_seed(1)
            model = AutoModelForCausalLM.from_config(config_of(kind))
            for parameter in model.parameters():  # far from uniform, so that errors show
                parameter.data.mul_(4.0 if parameter.dim() > 1 else 1.0)
            model.save_pretrained(folder)
            byte_tokenizer(folder, bos=bos)
            made[kind, bos] = folder
        return str(made[kind, bos])

    return make
