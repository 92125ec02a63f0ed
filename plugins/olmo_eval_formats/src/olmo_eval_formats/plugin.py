"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

OLMO_EVAL_API = 1


@hookimpl
def register_importers(register: Any) -> None:
    register("atif", "olmo_eval_formats.atif_import:AtifImporter")
    register("inspect", "olmo_eval_formats.inspect_log:InspectImporter")
    register("lm_eval", "olmo_eval_formats.lm_eval:LmEvalImporter")
    register("predictions", "olmo_eval_formats.predictions:PredictionsImporter")
    register("trl", "olmo_eval_formats.rollouts:TrlImporter")
    register("verl", "olmo_eval_formats.rollouts:VerlImporter")


@hookimpl
def register_exporters(register: Any) -> None:
    register("atif", "olmo_eval_formats.atif_export:AtifExporter")
    register("openai", "olmo_eval_formats.openai_chat:OpenAiExporter")
