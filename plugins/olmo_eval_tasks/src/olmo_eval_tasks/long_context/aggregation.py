"""Aggregation: the most common words of a long list, or of a long coded text."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random
from string import ascii_lowercase

from olmo_eval_tasks.long_context.question import LongQuestion
from olmo_eval_tasks.long_context.text import compound, distinct, random_tokens, tokens

_COMMON = (
    "Below is a numbered list of words. In these words, some appear more often than others. "
    "Memorize the ones that appear most often.\n{context}\nQuestion: What are the 10 most common "
    "words in the above list? Answer: The top 10 words that appear most often in the list are:"
)
_FREQUENT = (
    "Read the following coded text and track the frequency of each coded word. Find the three most "
    "frequently appeared coded words. {context}\nQuestion: Do not provide any explanation. Please "
    "ignore the dots '....'. What are the three most frequently appeared words in the above coded "
    "text? Answer: According to the coded text above, the three most frequently appeared words are:"
)
_TOP = 10
_DOTS = "...."
#: the exponent of Zipf's law by which coded words are drawn
_ALPHA = 2.0
_LETTERS = 6
#: tokens of the context to each coded word in the vocabulary
_TOKENS_A_WORD = 50


def common_words(draw: Random, budget: int) -> LongQuestion:
    """Ten words stand 30 times in a list, all others 3 times; after a worked example of 10 and 1
    times, about ``budget`` tokens."""
    words = distinct(compound, draw)
    example = _list(
        draw, [next(words) for _ in range(_TOP)], 10, [next(words) for _ in range(20)], 1
    )
    numbered = " ".join(f"{n}. {word}" for n, word in enumerate(example.answers, 1))
    shown = f"{example.prompt} {numbered}\n"
    common = list(islice(words, _TOP))
    one = tokens("1000. quiet-harbor")
    room = budget - tokens(shown) - tokens(_COMMON) - _TOP * 30 * one
    rare = list(islice(words, max(0, room // (3 * one))))
    asked = _list(draw, common, 30, rare, 3)
    return LongQuestion(shown + asked.prompt, asked.answers)


def _list(
    draw: Random, common: list[str], often: int, rare: list[str], seldom: int
) -> LongQuestion:
    words = common * often + rare * seldom
    draw.shuffle(words)
    context = " ".join(f"{number}. {word}" for number, word in enumerate(words, 1))
    return LongQuestion(_COMMON.format(context=context), tuple(common))


def frequent_words(draw: Random, budget: int) -> LongQuestion:
    """Coded words drawn by Zipf's law, of which the most common one is dots and does not count;
    the next three are the answer. About ``budget`` tokens."""

    def word(draw: Random) -> str:
        return "".join(draw.choices(ascii_lowercase, k=_LETTERS))

    room = budget - tokens(_FREQUENT)
    vocabulary = [_DOTS, *islice(distinct(word, draw), max(4, budget // _TOKENS_A_WORD))]
    weights = [rank**-_ALPHA for rank in range(1, len(vocabulary) + 1)]
    expected = (weights[0] + random_tokens(_LETTERS) * sum(weights[1:])) / sum(weights)
    text = draw.choices(vocabulary, weights, k=int(room / expected))
    counts = Counter(text)
    del counts[_DOTS]
    ranked = sorted(counts, key=lambda w: (-counts[w], vocabulary.index(w)))[:4]
    if len(ranked) == 4 and counts[ranked[2]] == counts[ranked[3]]:
        text.append(ranked[2])  # the third place is nobody else's
    return LongQuestion(_FREQUENT.format(context=" ".join(text)), tuple(ranked[:3]))
