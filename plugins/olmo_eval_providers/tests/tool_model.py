"""A model that calls tools: a small Llama that has learnt a few conversations by heart.

Its chat template writes calls in Hermes form, as many open models do. Trained in some seconds.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

TINY_MODEL = Path(__file__).parents[3] / "examples" / "tiny_model"

TEMPLATE = (
    "{{ bos_token }}{% if tools %}{% for tool in tools %}[{{ tool.function.name }}]{% endfor %}"
    "{% endif %}{% for message in messages %}"
    "{% if message.role == 'user' %}U:{{ message.content }}"
    "{% elif message.role == 'tool' %}T:{{ message.content }}"
    "{% elif message.tool_calls %}A:{% for call in message.tool_calls %}<tool_call>"
    '{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}'
    "</tool_call>{% endfor %}"
    "{% else %}A:{{ message.content }}{% endif %}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}A:{% endif %}"
)
#: what is asked, the arguments of the call, and the answer after its result
LEARNT = (("2 and 3", (2, 3), "5"), ("7 and 1", (7, 1), "8"), ("4 and 5", (4, 5), "9"))
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}


def messages(question, pair, total):
    arguments = {"a": pair[0], "b": pair[1]}
    call = {"id": "call_0", "type": "function"}
    call["function"] = {"name": "add", "arguments": arguments}
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": total},
        {"role": "assistant", "content": f"It is {total}."},
    ]


def make(folder):
    """Train the model and save it to ``folder``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    sys.path.insert(0, str(TINY_MODEL))
    try:
        import tokenizer as bytes_
    finally:
        sys.path.remove(str(TINY_MODEL))
        sys.modules.pop("tokenizer", None)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_.build(), bos_token="<bos>", eos_token="<eos>", pad_token="<pad>"
    )
    tokenizer.chat_template = TEMPLATE
    tools = [{"type": "function", "function": {"name": "add", "parameters": SCHEMA}}]
    texts = [
        tokenizer.apply_chat_template(messages(*one), tools=tools, tokenize=False) for one in LEARNT
    ]
    batch = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=bytes_.VOCAB_SIZE,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            bos_token_id=bytes_.BOS_ID,
            eos_token_id=bytes_.EOS_ID,
            pad_token_id=bytes_.PAD_ID,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(1000):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.03:
            break
    else:
        raise AssertionError(f"the model has not learnt its conversations: {loss}")
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    print(json.dumps(make(sys.argv[1])))
