"""Podman keeps the kernel's contract."""

from __future__ import annotations

import pytest
from containers_here import small

from olmo_eval.testing.sandbox import sandbox_contract

pytestmark = pytest.mark.engine

test_contract = sandbox_contract(lambda: small("podman", root=True))
