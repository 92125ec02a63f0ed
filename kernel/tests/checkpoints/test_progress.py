"""Steps and tokens: from a checkpoint's own files, and from its name."""

from __future__ import annotations

import json
import pickle
import zipfile
from argparse import Namespace

import pytest

from olmo_eval.checkpoints.progress import Progress, named_progress, training_progress


@pytest.mark.parametrize(
    ("name", "step", "tokens"),
    [
        ("step1000-tokens4B", 1000, 4_000_000_000),
        ("stage1-step47684-tokens100.5M", 47684, 100_500_000),
        ("checkpoint-500", 500, None),
        ("global_step7", 7, None),
        ("step3000-unsharded", 3000, None),
        ("step3000-hf", 3000, None),
        ("runs/a/step200/hf", 200, None),
        ("/data/step10/step20/", 20, None),
        ("iter_0001000", 1000, None),
        ("iteration_12", 12, None),
        ("runs/1000", 1000, None),
        ("runs/1000/", 1000, None),
        ("model-epoch=3-step=1000", 1000, None),
        ("gpt--val_loss=2.31-step=1000-consumed_samples=64000.0-last", 1000, None),
        ("ep0-ba1000", 1000, None),
        ("save/huggingface/ba1000", 1000, None),
        ("ep0-ba1000-rank0", 1000, None),
        ("global_step_100/actor/huggingface", 100, None),
        ("footstep12", None, None),
        ("OLMo-2-1124-7B", None, None),
        ("checkpoint7b", None, None),
        ("runs-of-step5/final", None, None),
        ("1000", None, None),
        ("mock", None, None),
        ("tokens2T", None, 2 * 10**12),
    ],
)
def test_a_name_says_step_and_tokens(name, step, tokens):
    assert named_progress(name) == Progress(step, tokens)


def save_torch(path, value):
    """What ``torch.save`` writes, as far as it can be read without PyTorch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}/data.pkl", pickle.dumps(value, protocol=2))


def test_the_files_of_a_checkpoint_count_before_its_name(tmp_path):
    folder = tmp_path / "checkpoint-500"
    folder.mkdir()
    state = {"global_step": 501, "num_input_tokens_seen": 0}
    (folder / "trainer_state.json").write_text(json.dumps(state))

    assert training_progress(str(folder)) == Progress(501, None)


def test_hugging_face_counts_tokens_when_asked_to(tmp_path):
    state = {"global_step": 3, "num_input_tokens_seen": 4096}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))

    assert training_progress(str(tmp_path)) == Progress(3, 4096)


def test_nanotron_says_step_and_tokens(tmp_path):
    metas = {"last_train_step": 40, "consumed_tokens_total": 81920}
    (tmp_path / "checkpoint_metadata.json").write_text(json.dumps({"metas": metas}))

    assert training_progress(str(tmp_path)) == Progress(40, 81920)


def test_olmo_core_says_step_and_tokens_also_for_the_model_inside(tmp_path):
    state = {"global_step": 1000, "global_train_tokens_seen": 4_194_304, "epoch": 1}
    save_torch(tmp_path / "step1000/train/rank0.pt", state)
    (tmp_path / "step1000/hf").mkdir()

    assert training_progress(str(tmp_path / "step1000/hf")) == Progress(1000, 4_194_304)


def test_megatron_counts_samples(tmp_path):
    settings = Namespace(consumed_train_samples=512, seq_length=4096)
    save_torch(tmp_path / "iter_0000010/common.pt", {"iteration": 10, "args": settings})

    assert training_progress(str(tmp_path / "iter_0000010")) == Progress(10, 512 * 4096)


def test_a_pickle_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    save_torch(tmp_path / "train/rank0.pt", {"global_step": 7, "bomb": Bomb()})

    assert training_progress(str(tmp_path)).step == 7
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"global_step": "x"}', b"[1]", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path, content):
    folder = tmp_path / "checkpoint-9"
    folder.mkdir()
    (folder / "trainer_state.json").write_bytes(content)

    assert training_progress(str(folder)) == Progress(9, None)


def test_a_link_is_what_it_leads_to(tmp_path):
    (tmp_path / "step30").mkdir()
    (tmp_path / "latest").symlink_to("step30")

    assert training_progress(str(tmp_path / "latest")).step == 30
