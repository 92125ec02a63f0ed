"""Finding the code in what a model wrote.

Models fence code in many ways: with any language tag or none, indented below a list item, with
Windows line ends, cut off before the closing fence; or they write bare code and only then close a
fence that the prompt had opened.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from attrs import frozen

#: longer texts are not parsed; what cannot be parsed is left as it stands
LONGEST_PARSED = 100_000

_OPENING = re.compile(r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<tag>[\w+#.-]*)[^\n`]*(?:\n|\Z)")
#: how the first line of a program begins
_STARTS = re.compile(r"(?:import|from|def|class|async def)\s|@\w|\w+\s*=")
_ALIASES = {
    "python": ("python", "py", "python3", "py3", "python2", "ipython"),
    "javascript": ("javascript", "js", "node"),
    "cpp": ("cpp", "c++", "cc", "cxx"),
    "rust": ("rust", "rs"),
    "bash": ("bash", "sh", "shell"),
}
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_STATED = (*_DEFINITIONS, *_IMPORTS, ast.Assign, ast.AnnAssign)


@frozen
class CodeBlock:
    """A fenced block: its language tag in lower case (empty where there is none) and its code."""

    tag: str
    code: str


def code_blocks(text: str) -> list[CodeBlock]:
    """Every fenced block of ``text``, in order; the last one may lack its closing fence.

    The indentation of a fence is taken off the lines of its block.
    """
    text = text.replace("\r\n", "\n")
    blocks, at = [], 0
    while opening := _OPENING.search(text, at):
        start = opening.end()
        before = text[text.rfind("\n", 0, opening.start()) + 1 : opening.start()]
        if before.count(opening["fence"]) % 2:  # it closes a fence on its own line
            at = start
            continue
        code, at = _closed(text, start, opening["fence"])
        if not before.strip():
            code = _without_indentation(code, before)
        blocks.append(CodeBlock(opening["tag"].lower(), code))
    return blocks


def extract_code(text: str, language: str = "python") -> str:
    """The code in ``text``: of its fenced block in ``language``, else untagged, else any block.

    Of several blocks of Python the definitions of all that are complete are kept, in order, so
    that a later definition takes the place of an earlier one; what they try out is left out. In
    other languages, and where no block is complete, the last (complete) one counts. Without
    blocks the whole text is code, up to a fence that closes one which the prompt had opened.
    """
    text = text.replace("\r\n", "\n")
    head = _before_closing_fence(text)
    if head is not None:
        return head
    found = code_blocks(text)
    if not found:
        return text
    blocks = _in_language(found, language)
    if not blocks:
        return ""
    if len(blocks) == 1:
        return blocks[0].code
    return _merged(blocks) if language.lower() in _ALIASES["python"] else blocks[-1].code


def extract_code_before_fence(text: str) -> str:
    """What stands before the first fence: the answer to a prompt that ends inside a block."""
    return text.partition("```")[0]


def indent_code(code: str, indent: str = "    ") -> str:
    """``code`` with ``indent`` before every line that is not blank."""
    return textwrap.indent(code, indent)


def sanitize_code(code: str, entrypoint: str | None = None) -> str:
    """The definitions, imports and assignments of Python in ``code``, and nothing that runs.

    ``code`` may be a model's whole answer. With ``entrypoint`` only what this function needs is
    kept (Liu et al. 2023, EvalPlus). Where no part of the text is Python it comes back as it is.
    """
    source = _longest_python(extract_code(code))
    tree = _parsed(source)
    if tree is None:
        return code
    stated = _last_of_each_name([node for node in tree.body if isinstance(node, _STATED)])
    if entrypoint is not None and any(entrypoint in _bound(node) for node in stated):
        stated = _needed(stated, entrypoint)
    return _source_of(source, stated)


def defines(code: str, name: str) -> bool:
    """Whether Python ``code`` defines a function or class ``name`` at its outermost level."""
    tree = _parsed(code)
    if tree is None:
        pattern = rf"^(?:async[ \t]+def|def|class)[ \t]+{re.escape(name)}\b"
        return re.search(pattern, code, re.MULTILINE) is not None
    return any(isinstance(node, _DEFINITIONS) and node.name == name for node in tree.body)


def parses(code: str) -> bool:
    """Whether ``code`` is a Python module."""
    return _parsed(code) is not None


# -- fences


def _closed(text: str, start: int, fence: str) -> tuple[str, int]:
    """The block that starts at ``start``, and where the text goes on after it."""
    line = re.compile(rf"^[ \t]*{re.escape(fence)}+[ \t]*$", re.MULTILINE)
    closing = line.search(text, start) or re.compile(re.escape(fence)).search(text, start)
    if closing is None:
        return text[start:], len(text)
    return text[start : closing.start()], closing.end()


def _without_indentation(code: str, indentation: str) -> str:
    """``code`` without ``indentation`` before every line, or as much of it as the line has."""
    if not indentation:
        return code
    shorter = re.compile(rf"[ \t]{{0,{len(indentation)}}}")
    lines = code.splitlines(keepends=True)
    return "".join(
        line[len(indentation) :] if line.startswith(indentation) else shorter.sub("", line, count=1)
        for line in lines
    )


def _before_closing_fence(text: str) -> str | None:
    """The code before a fence that only closes; None where the first fence opens a block."""
    first = re.search(r"\n?[ \t]*```", text)
    if first is None:
        return None
    opening = _OPENING.search(text)
    before = text[: first.start()]
    bare = opening is not None and not opening["tag"]
    if not before.strip() or not bare:
        return None
    at_the_end = not text[first.end() :].strip("` \n\t")
    return before if at_the_end or _is_body_or_module(before) else None


def _is_body_or_module(code: str) -> bool:
    """Whether ``code`` does something: prose of one word is Python too."""
    module = _parsed(code)
    body = None if module else _parsed("if 1:\n" + textwrap.indent(textwrap.dedent(code), " "))
    does = module.body if module else body.body[0].body if body else []  # type: ignore[attr-defined]
    return any(not isinstance(node, ast.Expr) for node in does)


def _in_language(blocks: list[CodeBlock], language: str) -> list[CodeBlock]:
    """The blocks tagged as ``language``; without any, the untagged ones; without these, all."""
    name = language.lower()
    names = next((alias for alias in _ALIASES.values() if name in alias), (name,))
    filled = [block for block in blocks if block.code.strip()]
    tagged = [block for block in filled if block.tag in names]
    return tagged or [block for block in filled if not block.tag] or filled


# -- Python


def _parsed(code: str) -> ast.Module | None:
    if len(code) > LONGEST_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the model's affair
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _merged(blocks: list[CodeBlock]) -> str:
    """One program out of several blocks."""
    complete = [(block.code, tree) for block in blocks if (tree := _parsed(block.code))]
    defining = [
        (code, tree)
        for code, tree in complete
        if any(isinstance(n, _DEFINITIONS) for n in tree.body)
    ]
    if not defining:
        return complete[-1][0] if complete else blocks[-1].code
    if len(defining) == 1 and len(complete) == 1:
        return defining[0][0]
    parts = [
        _source_of(code, [node for node in tree.body if isinstance(node, _STATED)])
        for code, tree in complete
    ]
    return "\n\n".join(part for part in parts if part)


def _source_of(code: str, nodes: list[ast.stmt]) -> str:
    """The lines of ``nodes`` as they stand in ``code``, decorators included."""
    lines = code.splitlines()
    kept = []
    for node in nodes:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        kept.append("\n".join(lines[first - 1 : node.end_lineno]))
    return "\n".join(kept) + "\n" if kept else ""


def _longest_python(code: str) -> str:
    """``code`` without the prose at its ends that keeps it from being Python."""
    lines = code.splitlines()
    if parses(code):
        return code
    start = next((i for i, line in enumerate(lines) if _STARTS.match(line)), 0)
    for ending in range(len(lines), max(start, len(lines) - 200), -1):
        if parses("\n".join(lines[start:ending])):
            return "\n".join(lines[start:ending])
    return code


def _last_of_each_name(nodes: list[ast.stmt]) -> list[ast.stmt]:
    """``nodes`` without functions and classes that a later one of the same name replaces."""
    last = {node.name: node for node in nodes if isinstance(node, _DEFINITIONS)}
    return [n for n in nodes if not isinstance(n, _DEFINITIONS) or last[n.name] is n]


def _needed(nodes: list[ast.stmt], entrypoint: str) -> list[ast.stmt]:
    """The imports, and what ``entrypoint`` refers to, directly or through others."""
    wanted, seen = [entrypoint], set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += [used for n in nodes if name in _bound(n) for used in _names(n)]
    return [n for n in nodes if isinstance(n, _IMPORTS) or seen & set(_bound(n))]


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement gives a meaning to."""
    if isinstance(node, _DEFINITIONS):
        return [node.name]
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return [n for target in targets if target is not None for n in _names(target)]


def _names(node: ast.AST) -> Iterator[str]:
    return (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))
