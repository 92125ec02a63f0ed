"""The files that trainers use: they leave requests, and never stand in a trainer's way."""

from __future__ import annotations

import ast
import json
import sys
from types import SimpleNamespace

import pytest

from olmo_eval.checkpoints.callbacks import USES, callback

TRAINERS_OWN = {"transformers", "lightning", "pytorch_lightning", "olmo_core"}


def functions():
    """What every callback has, without any trainer."""
    text = callback("hf").partition("\n\nfrom transformers")[0]
    space = {}
    exec(compile(text, "checkpoint_hook.py", "exec"), space)
    return space


@pytest.mark.parametrize("trainer", sorted(USES))
def test_a_callback_imports_the_standard_library_and_its_trainer_alone(trainer):
    imported = set()
    for node in ast.walk(ast.parse(callback(trainer))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])

    assert imported - TRAINERS_OWN <= sys.stdlib_module_names
    assert imported & TRAINERS_OWN


def test_a_request_names_the_checkpoint_with_step_and_tokens(tmp_path):
    (tmp_path / "step40").mkdir()

    functions()["request_evaluation"](tmp_path / "step40/", 40, 163840)

    (file,) = (tmp_path / ".olmo-eval/requests").iterdir()
    assert file.name == "step40.json"
    assert json.loads(file.read_text()) == {"path": "step40", "step": 40, "tokens": 163840}


def test_what_goes_wrong_is_printed_and_ends_nothing(tmp_path, capsys):
    (tmp_path / ".olmo-eval").write_text("in the way")

    functions()["request_evaluation"](tmp_path / "step40", 40)

    assert "no request for" in capsys.readouterr().err


def test_a_checkpoint_at_a_url_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    functions()["request_evaluation"]("s3://bucket/step40", 40)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "step"), [("/a/step1000", 1000), ("/a/step12/", 12), ("/a7/final", None)]
)
def test_the_step_comes_from_the_name(name, step):
    assert functions()["step_of"](name) == step


@pytest.mark.engine
def test_hugging_face_saves_and_asks(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    space = {}
    exec(compile(callback("hf"), "checkpoint_hook.py", "exec"), space)
    config = transformers.LlamaConfig(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
    )
    rows = [{"input_ids": torch.arange(4), "labels": torch.arange(4)} for _ in range(8)]
    settings = transformers.TrainingArguments(
        str(tmp_path), max_steps=4, save_steps=2, per_device_train_batch_size=1, report_to=[],
        use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(
        transformers.LlamaForCausalLM(config), settings, train_dataset=rows,
        callbacks=[space["OlmoEvalCallback"]()],
    )  # fmt: skip

    trainer.train()

    said = sorted(path.name for path in (tmp_path / ".olmo-eval/requests").iterdir())
    assert said == ["checkpoint-2.json", "checkpoint-4.json"]


def test_olmo_core_names_the_step_of_the_path_not_of_the_trainer(tmp_path, install_stand_in):
    space = install_stand_in("olmo-core")
    made = space["OlmoEvalCallback"]()
    made.trainer = SimpleNamespace(global_step=55, global_train_tokens_seen=9999)

    made.post_checkpoint_saved(tmp_path / "step50")

    content = json.loads((tmp_path / ".olmo-eval/requests/step50.json").read_text())
    assert content == {"path": "step50", "step": 50, "tokens": None}


def test_lightning_asks_once_for_each_new_checkpoint(tmp_path, install_stand_in):
    made = install_stand_in("lightning")["OlmoEvalCallback"]()
    path = tmp_path / "epoch=0-step=20.ckpt"
    path.write_bytes(b"x")
    saver = SimpleNamespace(
        best_model_path=str(path), last_model_path="", best_k_models={str(path): 1.0}
    )
    trainer = SimpleNamespace(is_global_zero=True, checkpoint_callbacks=[saver])
    request = tmp_path / ".olmo-eval/requests/epoch=0-step=20.ckpt.json"

    made.on_train_batch_start(trainer, None, None, 0)
    assert json.loads(request.read_text())["step"] == 20
    request.unlink()
    made.teardown(trainer, None, "fit")

    assert not request.exists()


@pytest.fixture
def install_stand_in(monkeypatch):
    """Runs a callback's file where its trainer is not installed: of it only the base class of
    callbacks is needed."""

    def install(trainer):
        base = type("Callback", (), {})
        for name, content in {
            "olmo_core": {}, "olmo_core.distributed": {}, "olmo_core.train": {},
            "olmo_core.distributed.utils": {"get_rank": lambda: 0},
            "olmo_core.train.callbacks": {"Callback": base},
            "lightning": {}, "lightning.pytorch": {"Callback": base},
        }.items():  # fmt: skip
            module = type(sys)(name)
            vars(module).update(content)
            monkeypatch.setitem(sys.modules, name, module)
        space = {}
        exec(compile(callback(trainer), "checkpoint_hook.py", "exec"), space)
        return space

    return install
