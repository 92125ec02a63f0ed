"""Evaluate small tasks with Inspect and its model mockllm: inspect_logs.py OUTPUT.

Two epochs and three scorers, choices, an agent with a tool whose thought is shown and that is told
to go on, one that fails, one that reaches a limit, and one log in JSON.
"""

import sys

from inspect_ai import Epochs, Task, eval, task
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import Score, choice, includes, match, mean, scorer, stderr
from inspect_ai.solver import generate, multiple_choice, solver, system_message, use_tools
from inspect_ai.tool import tool

(OUTPUT,) = sys.argv[1:]
NAME = "mockllm/model"


def priced(output, prompt=7, completion=3):
    output.usage = ModelUsage(
        input_tokens=prompt, output_tokens=completion, total_tokens=prompt + completion
    )
    return output


def says(*texts):
    outputs = [priced(ModelOutput.from_content(NAME, text)) for text in texts]
    return get_model(NAME, custom_outputs=outputs)


def thinks(thought, text):
    content = [ContentReasoning(reasoning=thought), ContentText(text=text)]
    message = ChatMessageAssistant(content=content, source="generate")
    return priced(
        ModelOutput(model=NAME, choices=[ChatCompletionChoice(message=message, stop_reason="stop")])
    )


def run(what, model, **settings):
    settings = {"log_dir": OUTPUT, "display": "none", "max_samples": 1, **settings}
    (log,) = eval(what, model=model, **settings)
    print(log.location, log.status, log.results and [s.metrics for s in log.results.scores])


@tool
def add():
    async def execute(x: int, y: int):
        """Add two numbers.

        Args:
            x: The first.
            y: The second.
        """
        return x + y

    return execute


@scorer(metrics=[mean(), stderr()])
def length():
    async def score(state, target):
        text = state.output.completion
        return Score(value=len(text) / 10, answer=text, explanation="its length")

    return score


@scorer(metrics={"kind": [mean()], "brief": [mean()]})
def manner():
    async def score(state, target):
        return Score(value={"kind": 1.0, "brief": len(state.output.completion) < 2})

    return score


def sums(n=4):
    return [
        Sample(id=f"s{i}", input=f"{i} plus 1?", target=str(i + 1), metadata={"level": i % 2})
        for i in range(n)
    ]


@task
def plain_sums():
    return Task(
        dataset=sums(),
        solver=[system_message("Be brief."), generate()],
        scorer=[match(numeric=True), length(), manner()],
    )


@task
def letters():
    samples = [
        Sample(id="sky", input="The sky is?", choices=["red", "blue"], target="B"),
        Sample(id="grass", input="Grass is?", choices=["green", "blue"], target="A"),
    ]
    return Task(dataset=samples, solver=multiple_choice(), scorer=choice())


@solver
def insist():
    async def solve(state, generate):
        state.messages.append(ChatMessageUser(content="Are you sure?"))
        return await generate(state)

    return solve


@task
def helper():
    samples = [Sample(id=1, input="2 plus 3?", target="5")]
    return Task(dataset=samples, solver=[use_tools(add()), generate(), insist()], scorer=includes())


@solver
def stumble():
    async def solve(state, generate):
        if state.sample_id == "s1":
            raise RuntimeError("out of cheese")
        return await generate(state)

    return solve


@task
def stumbling():
    return Task(dataset=sums(3), solver=stumble(), scorer=match(), fail_on_error=False)


@task
def limited():
    return Task(
        dataset=sums(1), solver=[generate(), insist(), insist()], scorer=includes(), message_limit=3
    )


# right twice, once and never: what two epochs come to is 1, 0.5 or 0
ANSWERS = ("1", "2", "0", "0", "1", "0", "3", "0")
run(plain_sums(), says(*ANSWERS), epochs=Epochs(2, "mean"))
run(plain_sums(), says("1", "2", "3", "0"), log_format="json")
run(letters(), says("ANSWER: B", "ANSWER: B"))
called = priced(ModelOutput.for_tool_call(NAME, "add", {"x": 2, "y": 3}, content="I add."))
sure = [called, thinks("I should say it.", "It is 5"), priced(ModelOutput.from_content(NAME, "5."))]
run(helper(), get_model(NAME, custom_outputs=sure))
run(stumbling(), says("1", "3"))
run(limited(), says("1", "1", "1"))
