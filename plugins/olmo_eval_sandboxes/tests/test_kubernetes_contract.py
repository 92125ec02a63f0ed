"""Pods keep the kernel's contract: the official client, and an API on loopback."""

from __future__ import annotations

import pytest
from clouds_here import small

from olmo_eval.testing.sandbox import sandbox_contract

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("kubernetes_here")]

test_contract = sandbox_contract(lambda: small("kubernetes"))
