"""Variable tracking: which variables have a value, over a chain of assignments."""

from __future__ import annotations

from itertools import islice, pairwise
from random import Random
from string import ascii_uppercase

from olmo_eval_tasks.long_context.needles import NOISE
from olmo_eval_tasks.long_context.question import LongQuestion
from olmo_eval_tasks.long_context.text import distinct, random_tokens, tokens

_TEMPLATE = (
    "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"
    "{context}\nQuestion: Find all variables that are assigned the value {value} in the text above."
    " Answer: According to the chain(s) of variable assignment in the text above, {n} variables are"
    " assigned the value {value}, they are:"
)
_HOPS = 4
#: lines of noise in the worked example that stands first
_EXAMPLE_LINES = 5


def trace_variables(draw: Random, budget: int) -> LongQuestion:
    """One chain of four hops in noise, after a short worked example, about ``budget`` tokens."""
    example = _chain(draw, 3, _EXAMPLE_LINES)
    shown = f"{example.prompt} {' '.join(example.answers)}\n\n"
    frame = tokens(_TEMPLATE) + 4 + (_HOPS + 1) * (2 * random_tokens(5) + 5)
    room = budget - tokens(shown) - (_HOPS + 1) * 2 * random_tokens(3) - frame
    asked = _chain(draw, 5, max(0, room // (tokens(NOISE) + 1)))
    return LongQuestion(shown + asked.prompt, asked.answers)


def _chain(draw: Random, letters: int, noise: int) -> LongQuestion:
    """A chain of variables with names of some letters, in order, among lines of noise."""

    def name(draw: Random) -> str:
        return "".join(draw.choices(ascii_uppercase, k=letters))

    names = tuple(islice(distinct(name, draw), _HOPS + 1))
    value = str(draw.randrange(10_000, 100_000))
    steps = [f"VAR {names[0]} = {value}"]
    steps += [f"VAR {new} = VAR {old}" for old, new in pairwise(names)]
    places = sorted(draw.randrange(noise + 1) for _ in steps)
    lines = [NOISE] * noise
    for number, (place, step) in enumerate(zip(places, steps, strict=True)):
        lines.insert(place + number, step)
    text = _TEMPLATE.format(context="\n".join(lines), value=value, n=len(names))
    return LongQuestion(text, names)
