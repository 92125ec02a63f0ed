"""What ``olmo-eval doctor`` looks at for the executor."""

from __future__ import annotations

from collections.abc import Iterator

from olmo_eval.doctor import Checkup, Finding, find_modules


def ray(checkup: Checkup) -> Iterator[Finding]:
    """Whether Ray is installed; no cluster is asked."""
    yield find_modules("", ("ray",), "pip install 'olmo-eval-ray[ray]'", checkup)
