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
    r"([?&](?:[^=&\s]*(?:key|token|secret|passw|signature|credential)[^=&\s]*|sig)=)"
    r"([^&\s\"'\\<>)\]}]+)",
    re.IGNORECASE,
)
#: What only a signed or authorised URL has: the texts of questions and answers stay as they are.
_SIGNED = re.compile(
    rb"([?&](?:X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|sig|access_token|api_?key)=)"
    rb"[^&\s\"'\\<>)\]}]+",
    re.IGNORECASE,
)
#: ``api_key=...``, ``'token': '...'`` and ``Bearer ...``: overrides, printed settings, headers
_ASSIGNED = re.compile(
    rf"((?:{_SECRET_NAME.pattern})[\w-]*(?:=['\"]?|['\"]\s?:\s?['\"])|\bBearer )"
    r"([^\s'\",;&]{6,})",
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
        self._forms: list[bytes] = []
        for name, value in env.items():
            if is_secret_name(name) or _SECRET_VARIABLE.search(name):
                self._remember(value)

    def _remember(self, value: Any) -> None:
        """Keep a secret in every form that it takes in JSON, and in JSON inside JSON."""
        if not isinstance(value, str) or len(value) < 8 or value in self._secrets:
            return
        self._secrets.add(value)
        once = _json_inside(value)
        forms = (value, once, _json_inside(once))
        self._forms += dict.fromkeys(form.encode("utf-8", "replace") for form in forms)

    def learn(self, value: Any, name: str = "") -> None:
        """Remember every string under a secret-sounding key anywhere inside ``value``."""
        if isinstance(value, Mapping):
            for key, inner in value.items():
                self.learn(inner, str(key) if not is_secret_name(name) else name)
        elif isinstance(value, list | tuple):
            for inner in value:
                self.learn(inner, name)
        elif isinstance(value, str):
            self._learn_text(value, name)

    def _learn_text(self, value: str, name: str) -> None:
        """A secret's words too: the last word of ``Bearer ...`` may be shown by itself."""
        if name and is_secret_name(name):
            self._remember(value)
            self._remember(value.split()[-1] if value.split() else "")
        if name == "required_secrets":
            self._remember(os.environ.get(value, ""))
        for userinfo in _URL_PASSWORD.findall(value):
            self._remember(userinfo.rstrip("@"))
            self._remember(userinfo.rstrip("@").partition(":")[2])
        for _, secret in _URL_SECRET.findall(value):
            self._remember(secret)

    def text(self, text: str) -> str:
        """``text`` with secrets, passwords in URLs and signed queries replaced."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        if "://" in text:
            text = _URL_PASSWORD.sub(f"{REDACTED}@", text)
            text = _URL_SECRET.sub(rf"\1{REDACTED}", text)
        return _ASSIGNED.sub(_without_value, text)

    def value(self, value: Any, name: str = "") -> Any:
        """A copy of a JSON-like value without secrets; secret-sounding keys lose their values."""
        if isinstance(value, Mapping):
            return {k: self.value(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v, name) for v in value]
        if isinstance(value, str):
            return REDACTED if value and is_secret_name(name) else self.text(value)
        return value

    def finds(self, data: bytes) -> bool:
        """Whether a known secret stands in ``data``."""
        return any(form in data for form in self._forms)

    def line(self, line: bytes) -> bytes:
        """A journal line's JSON body without secrets; the usual case is that there are none."""
        for form in self._forms:
            if form in line:
                line = line.replace(form, REDACTED.encode())
        return _SIGNED.sub(rb"\1" + REDACTED.encode(), line) if b"://" in line else line


def _without_value(match: re.Match[str]) -> str:
    return match[0].removesuffix(match[match.re.groups]) + REDACTED


def _json_inside(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)[1:-1]
