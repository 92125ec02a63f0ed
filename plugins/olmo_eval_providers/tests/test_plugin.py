"""What the plugin registers, and that registering loads no engine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from olmo_eval.errors import MissingDependencyError
from olmo_eval_providers.extras import require
from olmo_eval_providers.presets import PRESETS


def test_every_provider_and_preset_is_registered():
    from olmo_eval_providers import plugin

    providers, models = {}, {}
    plugin.register_providers(providers.__setitem__)
    plugin.register_models(models.__setitem__)
    assert set(providers) == {"embedded", "hf", "litellm", "vllm", "vllm_server"}
    assert models == PRESETS
    assert models["gpt-4o"].provider == "litellm"
    assert models["olmo-3-1025-7b"].revision == "stage2-step47684"


def test_registering_imports_no_engine():
    code = (
        "import sys; from olmo_eval_providers import plugin\n"
        "plugin.register_providers(lambda n, t: None)\n"
        "plugin.register_models(lambda n, t: None)\n"
        "heavy = {'torch', 'transformers', 'vllm', 'litellm', 'aiohttp', 'numpy'}\n"
        "assert not heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_extra_names_its_install_command():
    with pytest.raises(MissingDependencyError) as error:
        require("no_such_engine_anywhere", "hf")
    assert error.value.hint == "pip install 'olmo-eval-providers[hf]'"
