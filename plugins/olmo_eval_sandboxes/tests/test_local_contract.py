"""The local backend keeps the kernel's contract, with namespaces where the machine has them."""

import pytest
from attrs import evolve

from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.testing.sandbox import sandbox_contract
from olmo_eval_sandboxes.local.backend import LocalBackend

CONFIG = SandboxConfig(mode="local", unsafe_local=True, memory="128m", pids=64, output_limit="64k")
WITHOUT = evolve(CONFIG, kwargs={"namespaces": "off"})

test_contract = sandbox_contract(lambda: LocalBackend(CONFIG))
test_contract_without_namespaces = pytest.mark.slow(sandbox_contract(lambda: LocalBackend(WITHOUT)))
