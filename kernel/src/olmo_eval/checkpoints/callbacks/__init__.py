"""Callbacks for trainers: files that need nothing but the trainer and the standard library.

A trainer never imports olmo-eval. ``olmo-eval hook`` writes one of these files beside its code;
after each successful save the callback leaves a request that ``olmo-eval watch`` finds. Each file
is the text ``request.py.template`` with that of its trainer after it.
"""

from __future__ import annotations

from pathlib import Path

#: trainer -> how its callback is put to use
USES = {
    "hf": "trainer.add_callback(OlmoEvalCallback())",
    "lightning": "Trainer(callbacks=[OlmoEvalCallback()])",
    "olmo-core": 'trainer_config.with_callback("olmo_eval", OlmoEvalCallback())',
}
_HERE = Path(__file__).parent


def callback(trainer: str) -> str:
    """The source of the callback for one of ``USES``."""
    parts = ("request", trainer.replace("-", "_"))
    texts = [(_HERE / f"{part}.py.template").read_text(encoding="utf-8") for part in parts]
    return "\n\n".join(text.strip("\n") + "\n" for text in texts)
