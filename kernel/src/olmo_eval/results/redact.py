"""Keeping secrets out of everything that is written."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"(api|access|secret|private|auth|bearer)[-_]?key|token(?!s|iz)|secret|passw|credential"
    r"|authorization|cookie",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"_KEY$|^KEY_", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_URL_SECRET = re.compile(
    r"([?&](?:[^=&\s]*(?:key|token|secret|password|signature|credential)[^=&\s]*)=)[^&\s\"']+",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Whether a setting, header or variable of this name usually holds a secret."""
    return bool(_SECRET_NAME.search(name))


class Redactor:
    """Replaces known secrets in text and values.

    Known are the values of environment variables whose names say so, and whatever ``learn`` is
    given: the settings of a run under secret-sounding names. Values under 8 characters are not
    searched for in text, because they would blank ordinary words.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._secrets: set[str] = set()
        for name, value in env.items():
            if is_secret_name(name) or _SECRET_VARIABLE.search(name):
                self._remember(value)

    def _remember(self, value: Any) -> None:
        if isinstance(value, str) and len(value) >= 8:
            self._secrets.add(value)

    def learn(self, value: Any, name: str = "") -> None:
        """Remember every string under a secret-sounding key anywhere inside ``value``."""
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self.learn(inner, str(key) if not is_secret_name(name) else name)
        elif isinstance(value, list | tuple):
            for inner in value:
                self.learn(inner, name)
        elif isinstance(value, str):
            if name and is_secret_name(name):
                self._remember(value)
            for userinfo in _URL_PASSWORD.findall(value):
                self._remember(userinfo.rstrip("@").partition(":")[2])

    def text(self, text: str) -> str:
        """``text`` with secrets, passwords in URLs and signed queries replaced."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        if "://" in text:
            text = _URL_PASSWORD.sub(f"{REDACTED}@", text)
            text = _URL_SECRET.sub(rf"\1{REDACTED}", text)
        return text

    def value(self, value: Any, name: str = "") -> Any:
        """A copy of a JSON-like value without secrets; secret-sounding keys lose their values."""
        if isinstance(value, Mapping):
            return {k: self.value(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v, name) for v in value]
        if isinstance(value, str):
            return REDACTED if value and is_secret_name(name) else self.text(value)
        return value

    def line(self, line: bytes) -> bytes:
        """A journal line's JSON body without secrets; the usual case is that there are none."""
        for secret in self._secrets:
            for form in (secret.encode(), _json_inside(secret)):
                if form in line:
                    line = line.replace(form, REDACTED.encode())
        return line


def _json_inside(text: str) -> bytes:
    import json

    return json.dumps(text)[1:-1].encode()
