"""Which engine runs a model when nobody says."""

from __future__ import annotations

import json

import pytest

from olmo_eval.errors import MissingDependencyError, UnknownNameError, UsageError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers import choose


@pytest.fixture
def world(monkeypatch):
    """Sets which extras are installed and whether there is a GPU."""

    def set_(installed=(), gpu=False):
        monkeypatch.setattr(choose, "importable", lambda extra: extra in installed)
        monkeypatch.setattr(choose, "gpu_present", lambda: gpu)

    return set_


@pytest.fixture
def llama(tmp_path):
    sizes = ("vocab_size", "hidden_size", "intermediate_size")
    shape = dict.fromkeys((*sizes, "num_hidden_layers", "num_attention_heads"), 8)
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 64, **shape}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    return tmp_path


def test_folder_goes_to_vllm_on_a_gpu(world, llama):
    world(installed={"vllm", "hf"}, gpu=True)
    kind, reason = choose.choose_provider(ProviderConfig(model=str(llama)))
    assert kind == "vllm"
    assert "GPU is present" in reason


def test_folder_goes_to_hf_without_a_gpu(world, llama):
    world(installed={"vllm", "hf"})
    kind, reason = choose.choose_provider(ProviderConfig(model=str(llama)))
    assert kind == "hf"
    assert "vllm has no GPU here" in reason


def test_folder_goes_to_embedded_where_nothing_else_is_installed(world, llama):
    world()
    assert choose.choose_provider(ProviderConfig(model=str(llama)))[0] == "embedded"


def test_unsupported_architecture_is_refused_with_the_install_command(world, llama):
    world()
    (llama / "config.json").write_text(json.dumps({"architectures": ["MambaForCausalLM"]}))
    with pytest.raises(MissingDependencyError, match="not MambaForCausalLM") as error:
        choose.choose_provider(ProviderConfig(model=str(llama)))
    assert "pip install 'olmo-eval-providers[hf]'" in error.value.hint


def test_server_and_api_names(world):
    world(installed={"litellm"})
    here = ProviderConfig(model="any", base_url="http://127.0.0.1:1/v1")
    assert choose.choose_provider(here)[0] == "litellm"
    assert choose.choose_provider(ProviderConfig(model="anthropic/claude-x"))[0] == "litellm"


@pytest.mark.parametrize("name", ["./no/such/folder", "/no/such/folder"])
def test_missing_folder_is_one_clear_error(world, name):
    world(installed={"hf"})
    with pytest.raises(UsageError, match="there is no model folder"):
        choose.choose_provider(ProviderConfig(model=name))


def test_a_folder_of_checkpoints_names_them(world, tmp_path):
    world(installed={"hf"})
    for step in (100, 200):
        (tmp_path / f"step{step}").mkdir()
        (tmp_path / f"step{step}" / "config.json").write_text("{}")

    with pytest.raises(UsageError, match=r"no config\.json") as error:
        choose.choose_provider(ProviderConfig(model=str(tmp_path)))
    assert f"one of the 2 inside, such as {tmp_path / 'step200'}" in error.value.hint


def test_mistyped_preset_is_offered(world):
    world(installed={"hf"})
    with pytest.raises(UnknownNameError) as error:
        choose.choose_provider(ProviderConfig(model="gpt-4o-mnii"))
    assert "gpt-4o-mini" in error.value.hint


@pytest.mark.parametrize("mask", ["", "-1"])
def test_masked_gpus_do_not_count(monkeypatch, mask):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert not choose.gpu_present()


def test_the_kernel_asks_the_hook_and_gets_the_reason(tmp_path):
    from olmo_eval.plugins import fresh_manager
    from olmo_eval.providers.models import choose_provider

    plugin = tmp_path / "polly.py"
    plugin.write_text(
        "from olmo_eval.hookspecs import hookimpl\n\n"
        "@hookimpl(tryfirst=True)\n"
        "def choose_provider(config):\n"
        "    return ('parrot', 'it speaks') if config.model == 'polly' else None\n"
    )
    with fresh_manager([str(plugin)]):
        config, reason = choose_provider(ProviderConfig(model="polly"))
        assert (config.kind, reason) == ("parrot", "it speaks")
        named = ProviderConfig(model="polly", kind="mock")
        assert choose_provider(named) == (named, None)
