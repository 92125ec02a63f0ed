"""The backend keeps the contract with the kernel: limits hold, environments share nothing."""

from olmo_eval.sandbox import SandboxConfig
from olmo_eval.testing import sandbox_contract

from acme.backend import AcmeBackend

CONFIG = SandboxConfig(mode="acme", unsafe_local=True, memory="256m", output_limit="64k")

test_acme = sandbox_contract(lambda: AcmeBackend(CONFIG))
