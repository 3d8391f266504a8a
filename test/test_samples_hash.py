"""A run goes on with the samples it was begun with, and with no others of the same number."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets_support import exported
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from training_support import CATALOGUE, write_shards

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.synthetic.grasp_library import shipped_grasps
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.prepare_command import PrepareConfig, prepare
from hand_object_pose_training.mixture import MixtureShares
from hand_object_pose_training.resumption import CONTENT
from hand_object_pose_training.run_state import load_state, save_state
from hand_object_pose_training.samples_hash import contents, samples_hash
from hand_object_pose_training.trainer import Trainer

OTHERS = r"the run was begun with other files than --{} \S+ holds now; give those that it was begun with"


def trainer_of(config):
    return Trainer(config, default_hand(), CATALOGUE)


@pytest.fixture
def other(tmp_path):
    """As many samples as in the fixture ``shards``, others."""
    return write_shards(tmp_path / "other", 12, files=2, seed=1)


def test_a_run_goes_on_with_copies_of_its_shards_and_not_with_others_of_equal_number(config, other, tmp_path):
    trainer_of(config).save()
    copies = shutil.copytree(config.shards, tmp_path / "copies")
    trainer_of(replace(config, shards=copies))
    with pytest.raises(UserError, match=OTHERS.format("shards")):
        trainer_of(replace(config, shards=other))
    image = bytearray((copies / "shard_1.safetensors").read_bytes())
    image[-1] ^= 1
    (copies / "shard_1.safetensors").write_bytes(image)
    with pytest.raises(UserError, match=OTHERS.format("shards")):
        trainer_of(replace(config, shards=copies))


def test_a_run_goes_on_with_the_samples_it_rehearsed(config, other):
    rehearsed = replace(config, rehearse=config.shards)
    trainer_of(rehearsed).save()
    trainer_of(rehearsed)
    with pytest.raises(UserError, match=OTHERS.format("rehearse")):
        trainer_of(replace(config, rehearse=other))


def test_a_run_is_measured_on_the_samples_that_it_was_measured_on_before(config, other, tmp_path):
    trainer_of(config).save()
    trainer_of(replace(config, validation_shards=shutil.copytree(config.shards, tmp_path / "copies")))
    with pytest.raises(UserError, match=OTHERS.format("validation-shards")):
        trainer_of(replace(config, validation_shards=other))


def test_samples_to_measure_on_are_looked_for_before_the_first_step(config, tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        trainer_of(replace(config, validation_shards=tmp_path / "nowhere"))


def test_backgrounds_count_where_anything_is_rendered(config, tmp_path):
    pictures = tmp_path / "pictures" / "indoors"
    pictures.mkdir(parents=True)
    for shade in (40, 200):
        cv2.imwrite(str(pictures / f"{shade}.png"), np.full((32, 32, 3), shade, np.uint8))
    mixed = replace(config, backgrounds=pictures.parent, mixture=MixtureShares(0.5, 0.5, 0.0))
    trainer_of(mixed).save()
    trainer_of(replace(mixed, backgrounds=shutil.copytree(pictures.parent, tmp_path / "copies")))
    cv2.imwrite(str(pictures / "40.png"), np.full((32, 32, 3), 41, np.uint8))
    with pytest.raises(UserError, match=OTHERS.format("backgrounds")):
        trainer_of(mixed)
    assert contents(replace(config, backgrounds=pictures.parent)) == contents(config)


def test_grasps_count_where_they_are_rendered(config, tmp_path):
    library = tmp_path / "grasps.npz"
    shipped_grasps().save(library)
    given = replace(config, grasps=library)
    mixed = replace(given, mixture=MixtureShares(0.5, 0.25, 0.25))
    assert contents(given)["grasps"] == contents(replace(mixed, grasps=None))["grasps"] == "None"
    before = contents(mixed)
    assert before["grasps"] != "None"
    library.write_bytes(library.read_bytes()[:-1])
    assert {name for name, found in contents(mixed).items() if found != before[name]} == {"grasps"}


@pytest.mark.parametrize(
    ("forgotten", "unsaid"),
    [(CONTENT, ("shards", "validation_shards")), (CONTENT + "validation_shards", ("validation_shards",))],
)
def test_a_state_of_an_earlier_version_goes_on_with_a_note_and_is_bound_from_then_on(
    config, other, capsys, forgotten, unsaid
):
    trainer = trainer_of(config)
    trainer.save()
    assert "does not say" not in capsys.readouterr().out
    state = load_state(trainer.state_path)
    state.settings = {name: value for name, value in state.settings.items() if not name.startswith(forgotten)}
    save_state(trainer.state_path, state)
    trainer_of(replace(config, **dict.fromkeys(unsaid, other))).save()
    options = ", ".join("--" + name.replace("_", "-") for name in unsaid)
    assert f"does not say what {options} held; from the next state on it does" in capsys.readouterr().out
    with pytest.raises(UserError, match="the run was begun with other files than --"):
        trainer_of(config)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    (path, _), *_ = prepare(
        PrepareConfig("ho3d", exported("ho3d"), tmp_path_factory.mktemp("prepared"), workers=0, quick=True)
    )
    return path


def rewritten(index: Path, path: Path, change=lambda columns: None, **header) -> Path:
    """The same index, written again with another header or other annotations."""
    columns = load_file(index)
    change(columns)
    with safe_open(str(index), framework="numpy") as file:
        metadata = file.metadata()
    said = {**json.loads(metadata["header"]), **header}
    save_file(columns, str(path), metadata={**metadata, "header": json.dumps(said)})
    assert len(PreparedIndex(path)) == len(PreparedIndex(index))
    return path


def test_an_index_is_known_by_its_annotations_wherever_its_images_lie(index, tmp_path):
    def moved_joint(columns: dict[str, np.ndarray]) -> None:
        columns["joints"][-1, -1, -1] += 1e-4

    found = samples_hash(index)
    assert samples_hash(rewritten(index, tmp_path / "a.index", root="/elsewhere", models="/there")) == found
    assert samples_hash(rewritten(index, tmp_path / "b.index", moved_joint)) != found
    assert samples_hash(rewritten(index, tmp_path / "c.index", objects={"011_banana": "0" * 64})) != found
