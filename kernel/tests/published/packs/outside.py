"""An external eval of the published shape."""

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.evals.external import ExternalEval, ExternalEvalResult, register_external_eval


class Coins(ExternalEval):
    def __init__(self, sides: int):
        self.sides = sides

    @property
    def name(self):
        return "acme_coins"

    @property
    def description(self):
        return f"{self.sides} sides"

    @property
    def arguments(self):
        return {"flips": ("how often", 3)}

    async def execute(self, provider, args, output_dir, container_runtime):
        asked = [
            LMRequest(RequestType.COMPLETION, prompt=f"flip {i}") for i in range(args["flips"])
        ]
        outputs = await provider.agenerate(asked, SamplingParams(max_tokens=8))
        said = [one[0].text for one in outputs]
        return ExternalEvalResult(
            name=self.name,
            metrics={"heads": sum("42" in text for text in said) / len(said)},
            metadata={"sides": self.sides},
            predictions=[{"text": text} for text in said],
        )


register_external_eval(Coins(sides=2))
