"""The kernel's contract, held by every importer and exporter."""

from pathlib import Path

from olmo_eval.testing import exporter_contract, importer_contract
from olmo_eval_formats.atif_export import AtifExporter
from olmo_eval_formats.inspect_log import InspectImporter
from olmo_eval_formats.lm_eval import LmEvalImporter
from olmo_eval_formats.openai_chat import OpenAiExporter
from olmo_eval_formats.predictions import PredictionsImporter
from olmo_eval_formats.rollouts import TrlImporter, VerlImporter

LOGS = Path(__file__).parent / "logs"

test_atif = exporter_contract(AtifExporter)
test_openai = exporter_contract(OpenAiExporter)
test_inspect = importer_contract(
    InspectImporter, LOGS / "inspect/letters.eval", scores={"letters accuracy:choice": 0.5}
)
test_lm_eval = importer_contract(
    LmEvalImporter, LOGS / "lm_eval/step200", scores={"facts acc:none": 5 / 12}
)
test_predictions = importer_contract(
    PredictionsImporter, LOGS / "predictions", scores={"sums:cot accuracy:exact_match": 0.5}
)
test_trl = importer_contract(
    TrlImporter, LOGS / "trl/grpo", scores={"grpo_completions right:trl": 1.0}
)
test_verl = importer_contract(
    VerlImporter, LOGS / "verl/validation/20.jsonl", scores={"validation score:verl": 5 / 6}
)
