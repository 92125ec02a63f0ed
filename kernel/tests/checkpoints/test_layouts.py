"""What each trainer's checkpoints are called, and when they are complete."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from olmo_eval.checkpoints.folder import CheckpointFolder
from olmo_eval.checkpoints.integrity import damage
from olmo_eval.checkpoints.layouts import LAYOUTS, Standing


def _module(name):
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what it pickles is found by it
    spec.loader.exec_module(module)
    return module


trainers = _module("trainers")
EVERY = sorted(trainers.FILES)


@pytest.fixture
def write(tmp_path):
    def write(layout, step, root=tmp_path):
        trainers.Trainer(layout, root, lambda: None).save(step)
        return root / trainers.name_of(layout, step)

    return write


def look(root, **settings):
    """Every checkpoint, where nothing changes any more."""
    return CheckpointFolder(root, **{"settle": 0.0, **settings}).look()


def test_the_table_has_nine_trainers():
    assert len(LAYOUTS) == 9 and set(LAYOUTS) == set(EVERY) - {"other"}


@pytest.mark.parametrize("layout", EVERY)
def test_a_finished_checkpoint_is_complete(layout, write, tmp_path):
    folder = write(layout, 1000)

    (found,) = look(tmp_path)

    assert (found.name, found.layout.name) == (folder.name, layout)
    assert found.complete, found.reason
    assert found.progress.step == 1000
    assert (found.model / "config.json").is_file()
    assert trainers.contents(folder) == trainers.expected(layout, 1000)


TOKENS = {"olmo-core": 4_096_000, "nanotron": 2_048_000, "hugging-face": 1_024_000}


@pytest.mark.parametrize("layout", sorted(TOKENS))
def test_tokens_are_read_from_the_checkpoint(layout, write, tmp_path):
    write(layout, 1000)

    assert look(tmp_path)[0].progress.tokens == TOKENS[layout]


#: the file without which a checkpoint is not complete, whatever else is there
MARKS = {
    "olmo-core": ".metadata.json",
    "torchtitan": "model.safetensors.index.json",
    "nanotron": "model_config.json",
    "hugging-face": "trainer_state.json",
    "verl": "data.pt",
    "composer": ".metadata",
    "orbax": "_CHECKPOINT_METADATA",
}


@pytest.mark.parametrize("layout", sorted(MARKS))
def test_without_its_mark_it_is_not(layout, write, tmp_path):
    (write(layout, 7) / MARKS[layout]).unlink()

    (found,) = look(tmp_path)

    assert found.standing is Standing.INCOMPLETE
    assert MARKS[layout] in found.reason


def test_megatron_is_complete_by_its_tracker_alone_as_well(write, tmp_path):
    folder = write("megatron", 7)
    (folder / "metadata.json").unlink()
    assert look(tmp_path)[0].complete

    (tmp_path / "latest_checkpointed_iteration.txt").write_text("6")
    assert look(tmp_path)[0].standing is Standing.INCOMPLETE


def test_nemo_is_not_complete_while_its_marker_is_there(write, tmp_path):
    folder = write("nemo", 7)
    folder.with_name(f"{folder.name}-unfinished").touch()

    assert look(tmp_path)[0].standing is Standing.INCOMPLETE


def test_verl_without_its_tracker_has_to_settle(write, tmp_path):
    write("verl", 7)
    (tmp_path / "latest_checkpointed_iteration.txt").unlink()

    assert look(tmp_path, settle=60.0)[0].standing is Standing.SETTLING
    assert look(tmp_path)[0].complete


def test_an_orbax_checkpoint_that_is_being_copied_has_no_time_of_its_commit(write, tmp_path):
    told = write("orbax", 7) / "_CHECKPOINT_METADATA"
    told.write_text(json.dumps({"commit_timestamp_nsecs": None}))

    assert look(tmp_path)[0].standing is Standing.INCOMPLETE


@pytest.mark.parametrize("layout", EVERY)
def test_what_changes_is_not_taken(layout, write, tmp_path):
    write(layout, 7)

    (found,) = look(tmp_path, settle=60.0, confirm=60.0)

    assert found.standing is Standing.SETTLING


@pytest.mark.parametrize("layout", EVERY)
def test_files_that_are_cut_off_are_found(layout, write, tmp_path):
    folder = write(layout, 7)
    told = [".safetensors", ".pt", ".pth", ".bin", ".json", ".metadata", ".distcp"]
    for path in [p for p in folder.rglob("*") if p.suffix in told or p.name in told]:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        if content[: len(content) // 2].strip():  # half of "{}" is nothing
            assert damage(folder), path
        path.write_bytes(content)
    assert damage(folder) is None


def test_a_shard_of_the_index_must_be_there(write, tmp_path):
    folder = write("other", 7)
    (folder / "model-00002-of-00002.safetensors").unlink()

    (found,) = look(tmp_path)

    assert found.reason.startswith("model.safetensors.index.json lists model-00002")


def test_one_step_is_one_checkpoint_however_it_is_packed(write, tmp_path):
    folder = write("olmo-core", 1000)
    shutil.move(folder / "hf", tmp_path / "step1000-hf")

    (found,) = look(tmp_path)

    assert found.name == "step1000-hf" and found.model == tmp_path / "step1000-hf"


def test_folders_of_models_inside_a_run_are_found(write, tmp_path):
    (tmp_path / "huggingface").mkdir()
    folder = write("other", 30, tmp_path / "huggingface")
    folder.rename(folder.with_name("ba30"))

    (found,) = look(tmp_path)

    assert (found.name, found.progress.step) == ("huggingface/ba30", 30)


def test_drafts_links_and_other_folders_are_no_checkpoints(write, tmp_path):
    folder = write("hugging-face", 5)
    folder.rename(tmp_path / "tmp-checkpoint-5")
    (tmp_path / "latest").symlink_to("tmp-checkpoint-5")
    (tmp_path / "logs").mkdir()
    (tmp_path / "step=3.ckpt-unfinished").mkdir()

    assert look(tmp_path) == []


def test_a_request_says_that_a_checkpoint_is_complete(write, tmp_path):
    folder = write("other", 12)
    requests = tmp_path / ".olmo-eval/requests"
    requests.mkdir(parents=True)
    said = {"path": folder.name, "step": 13, "tokens": 99}
    (requests / "step-13.json").write_text(json.dumps(said))

    (found,) = look(tmp_path, settle=60.0, confirm=0.0)

    assert found.complete and (found.progress.step, found.progress.tokens) == (13, 99)


def test_a_named_layout_counts_more_than_what_a_folder_is_called(write, tmp_path):
    folder = write("hugging-face", 5)
    (folder / "trainer_state.json").unlink()

    assert look(tmp_path)[0].standing is Standing.INCOMPLETE
    assert look(tmp_path, layout="other")[0].complete
