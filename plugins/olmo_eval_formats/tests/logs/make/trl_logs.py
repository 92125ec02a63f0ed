"""Train a tiny checkpoint for two steps with TRL's GRPO: trl_logs.py CHECKPOINT OUTPUT."""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

checkpoint, output = sys.argv[1:]
sums = [(52, 64), (97, 87), (12, 30), (45, 18)]
questions = [
    {"prompt": f"Question: What is {a} + {b}?\nAnswer:", "answer": str(a + b)} for a, b in sums
]


def right(completions, answer, **_):
    return [float(a in c) for c, a in zip(completions, answer, strict=True)]


def brief(completions, **_):
    return [-len(c) / 10 for c in completions]


tokenizer = AutoTokenizer.from_pretrained(checkpoint)
GRPOTrainer(
    model=AutoModelForCausalLM.from_pretrained(checkpoint),
    processing_class=tokenizer,
    reward_funcs=[right, brief],
    args=GRPOConfig(
        output_dir=output,
        per_device_train_batch_size=4,
        num_generations=2,
        max_completion_length=6,
        max_steps=2,
        logging_steps=1,
        log_completions=True,
        num_completions_to_print=0,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        seed=3,
    ),
    train_dataset=Dataset.from_list(questions),
).train()
