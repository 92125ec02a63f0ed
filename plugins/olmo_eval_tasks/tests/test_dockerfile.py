"""Dockerfiles as environments that any sandbox may make."""

from __future__ import annotations

import pytest

from olmo_eval_tasks.terminal.dockerfile import CONTEXT, DockerfileError, environment, read

DOCKERFILE = """
# a comment
ARG VERSION=3.12
FROM python:${VERSION}-slim
ENV COLOUR=blue SIZE="very large"
WORKDIR /app
RUN apt-get update && \\
    apt-get install -y git
COPY --chmod=755 run.sh /usr/local/bin/
COPY data ./data
COPY *.txt ./
USER nobody
CMD ["bash"]
"""
CONTEXT_FILES = {"run.sh": b"", "data/a.csv": b"1", "data/deep/b.csv": b"2", "note.txt": b"3"}


def test_what_a_dockerfile_says_becomes_an_environment() -> None:
    recipe = read(DOCKERFILE, list(CONTEXT_FILES))

    spec = environment(recipe, CONTEXT_FILES, ["run.sh"], recipe.image)

    assert (spec.image, spec.working_dir, recipe.user) == ("python:3.12-slim", "/app", "nobody")
    assert spec.variables == {"COLOUR": "blue", "SIZE": "very large"}
    assert spec.files[f"{CONTEXT}/data/deep/b.csv"] == b"2"
    opened, made, installed, mode, copied, folder, text, removed = spec.setup
    assert opened == f"chmod -R a+rX {CONTEXT} && chmod a+x {CONTEXT}/run.sh"
    assert made == "mkdir -p /app"
    assert "export VERSION=3.12" in installed and "cd /app && /bin/sh -c" in installed
    assert "apt-get install -y git" in installed
    assert copied == f"mkdir -p /usr/local/bin && cp -a {CONTEXT}/run.sh /usr/local/bin/run.sh"
    assert mode == f"chmod -R 755 {CONTEXT}/run.sh"
    assert folder == f"mkdir -p /app/data && cp -a {CONTEXT}/data/. /app/data"
    assert text == f"mkdir -p /app && cp -a {CONTEXT}/note.txt /app/note.txt"
    assert removed == f"rm -rf {CONTEXT}"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("FROM a AS one\nFROM b", "line 2: several stages"),
        ("FROM a\nCOPY --from=x /y /z", "COPY --from=x"),
        ("FROM a\nCOPY nowhere.txt .", "no such file"),
        ("FROM a\nADD https://example.com/x.tgz /x", "ADD of https"),
        ("FROM a\nRUN <<EOF\nls\nEOF", "here-documents"),
        ("FROM a\nRUN --mount=type=secret,id=x ls", "--mount=type=secret"),
        ("FROM a\nUSER 1000\nRUN ls", "RUN as the user 1000"),
        ("FROM a\nONBUILD RUN ls", "ONBUILD is not supported"),
        ("RUN ls", "RUN before FROM"),
        ("", "names no image"),
    ],
)
def test_what_cannot_be_made_here_is_refused_with_its_line(lines: str, why: str) -> None:
    with pytest.raises(DockerfileError, match=why):
        read(lines, ["a.txt"])
