"""Dump samples of two validations with verl's own function: verl_logs.py OUTPUT.

verl's trainer needs Ray and GPUs to be imported; its function that writes dumps needs neither, so
that one is taken out of the installed module.
"""

import ast
import importlib.util
import json
import os
import pathlib
import sys

(output,) = sys.argv[1:]
package = importlib.util.find_spec("verl").submodule_search_locations[0]
source = pathlib.Path(package, "trainer/ppo/ray_trainer.py").read_text()
(trainer,) = (
    node
    for node in ast.parse(source).body
    if isinstance(node, ast.ClassDef) and node.name == "RayPPOTrainer"
)
(function,) = (n for n in trainer.body if getattr(n, "name", "") == "_write_generations")
function.decorator_list = []
scope = {"os": os, "json": json}
exec(compile(ast.Module([function], []), "ray_trainer.py", "exec"), scope)

questions = [("What is 2 + 3?", "5"), ("What is 4 + 4?", "8"), ("What is 9 + 1?", "10")]
answers = {10: ["5", "4", "9", "8", "0", "1"], 20: ["5", "5", "8", "8", "10", "1"]}
for step, texts in answers.items():
    golds = [gold for _, gold in questions for _ in range(2)]
    scores = [float(text == gold) for text, gold in zip(texts, golds, strict=True)]
    scope["_write_generations"](
        [f"user\n{question}\nassistant\n" for question, _ in questions for _ in range(2)],
        [f"It is {text}." for text in texts],
        golds,
        scores,
        {"reward": scores, "acc": [bool(score) for score in scores], "pred": texts},
        output,
        step,
    )
