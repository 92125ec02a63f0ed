"""The local backend keeps the kernel's contract."""

from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval.testing.sandbox import sandbox_contract
from olmo_eval_sandboxes.local.backend import LocalBackend

CONFIG = SandboxConfig(mode="local", unsafe_local=True, memory="128m", pids=64, output_limit="64k")

test_contract = sandbox_contract(lambda: LocalBackend(CONFIG))
