"""The errors of the workbench: a message that names the place, a hint that names the way out."""

from __future__ import annotations


class OlmoEvalError(Exception):
    """Base of every error meant for a person.

    The command line prints ``message`` on one line and ``hint`` below it, and exits with
    ``exit_code``; a traceback appears only with ``--debug``. In Python the hint is a note below
    the traceback.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(hint)


class UsageError(OlmoEvalError):
    """The request itself is wrong: an unknown name or key, an impossible combination (exit 2)."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing registered; the hint offers the closest known ones."""


class CollisionError(UsageError):
    """Two distributions claim one name; ``distribution:name`` says which is meant."""


class PluginError(OlmoEvalError):
    """A plugin could not be loaded, or one of its hooks raised."""


class MissingDependencyError(OlmoEvalError):
    """An optional dependency is absent; the hint is the exact install command."""


class DataError(OlmoEvalError):
    """Data is missing, unreadable or malformed; the message names file and line."""


class ProviderError(OlmoEvalError):
    """A provider cannot start or cannot answer, and asking again will not help."""


class TransientError(ProviderError):
    """A provider failed in a way that may pass: a timeout, 429, 5xx, a dropped connection.

    ``retry_after`` is the number of seconds the service asked to wait, if it said so.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class RefusedError(ProviderError):
    """The service declined to answer this request (a content filter, say)."""


class UnansweredError(ProviderError):
    """The provider has no answer to this one request; others are not affected."""


class NonFiniteError(UnansweredError):
    """The model's own numbers (logits, log-probabilities) are NaN or infinite: it has no answer."""


class RunFailedError(OlmoEvalError):
    """A run ended without usable results; everything finished so far is kept."""


class JudgeError(OlmoEvalError):
    """A judge could not be asked, or its reply could not be read: the outcome is judge_failed."""


class SandboxRequiredError(OlmoEvalError):
    """A scorer that runs code was asked outside of a run, where there is no sandbox."""
