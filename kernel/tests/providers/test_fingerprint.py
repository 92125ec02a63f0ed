"""A model's identity is the content of its folder."""

from __future__ import annotations

import json

import pytest

from olmo_eval.providers import fingerprint
from olmo_eval.providers.fingerprint import folder_fingerprint, hub_commit, model_fingerprint
from olmo_eval.providers.provider import ProviderConfig


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, data in tensors.items():
        end = offset + len(data)
        header[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(tensors.values()))


@pytest.fixture
def checkpoint(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    (tmp_path / "tokenizer.json").write_text("{}")
    write_safetensors(tmp_path / "model.safetensors", {"a": b"\1" * 5000, "b": b"\2" * 5000})
    return tmp_path


@pytest.mark.parametrize("whole", [16 * 2**20, 0], ids=["whole", "sampled"])
def test_a_retrained_tensor_is_a_new_model(checkpoint, monkeypatch, whole):
    monkeypatch.setattr(fingerprint, "WHOLE_FILE_BYTES", whole)
    before = folder_fingerprint(checkpoint)
    assert folder_fingerprint(checkpoint) == before
    write_safetensors(checkpoint / "model.safetensors", {"a": b"\1" * 5000, "b": b"\3" * 5000})
    assert folder_fingerprint(checkpoint) != before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja"])
def test_small_files_count(checkpoint, name):
    before = folder_fingerprint(checkpoint)
    (checkpoint / name).write_text('{"changed": true}')
    assert folder_fingerprint(checkpoint) != before


@pytest.mark.parametrize("name", ["optimizer.pt", "README.md", "trainer_state.json"])
def test_training_leftovers_do_not(checkpoint, name):
    before = folder_fingerprint(checkpoint)
    (checkpoint / name).write_text("anything")
    assert folder_fingerprint(checkpoint) == before


def test_the_path_does_not_count(checkpoint, tmp_path_factory):
    import shutil

    copy = tmp_path_factory.mktemp("copies") / "elsewhere"
    shutil.copytree(checkpoint, copy)
    assert folder_fingerprint(copy) == folder_fingerprint(checkpoint)


def test_hub_commit_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    refs = tmp_path / "models--acme--m" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("c0ffee\n")
    assert hub_commit("acme/m") == "c0ffee"
    assert model_fingerprint(ProviderConfig(model="acme/m")) == "hub:acme/m@c0ffee"
    assert model_fingerprint(ProviderConfig(model="acme/other")) is None


def test_another_tokenizer_is_part_of_the_identity(checkpoint, tmp_path_factory):
    other = tmp_path_factory.mktemp("tok")
    (other / "tokenizer.json").write_text('{"other": 1}')
    plain = model_fingerprint(ProviderConfig(model=str(checkpoint)))
    mixed = model_fingerprint(ProviderConfig(model=str(checkpoint), tokenizer=str(other)))
    assert plain != mixed
