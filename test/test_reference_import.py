"""Snapshots, templates and pre-processing of the authors' release, apart from the network itself."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_golden as golden
import torch

from hand_object_pose.errors import ForeignDataError, UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, projected_box
from hand_object_pose.geometry.reference_crop import (
    full_to_reference,
    reference_affine,
    reference_camera,
    reference_crop,
    reference_crop_box,
    reference_crop_camera,
)
from hand_object_pose.network.reference_import import read_snapshot
from hand_object_pose.network.reference_keys import UNUSED, our_name, their_name
from hand_object_pose.network.reference_templates import file_order, load_reference_objects, token_order

ORDERS = json.loads((golden.DATA / "golden_obj_order.json").read_text())
CROPS = golden.arrays(golden.DATA, "golden_crop.npz")


@pytest.mark.parametrize("name", ORDERS)
def test_token_order(name: str) -> None:
    mesh = token_order(ORDERS[name]["obj_text"])
    np.testing.assert_allclose(mesh.vertices, ORDERS[name]["vertices"])
    np.testing.assert_array_equal(mesh.faces, ORDERS[name]["faces"])


def test_file_order_keeps_lines_and_unused_vertices() -> None:
    mesh = file_order(ORDERS["unused_vertex"]["obj_text"])
    assert mesh.vertices[:, 0].tolist() == list(range(1, 13))
    assert mesh.faces.tolist() == [[0, 1, 2], [2, 11, 9]]


def test_templates_split_by_seams_fall_back_to_file_order(tmp_path: Path) -> None:
    vertices = np.random.default_rng(0).standard_normal((1000, 3))
    faces = np.arange(999).reshape(-1, 3)
    lines = [f"v {x} {y} {z}" for x, y, z in vertices]
    lines += [f"f {a}/{n} {b}/{n} {c}/{n}" for n, (a, b, c) in enumerate(np.vstack([faces, faces]) + 1, start=1)]
    file = tmp_path / "thing" / "textured_simple_2000.obj"
    file.parent.mkdir()
    file.write_text("\n".join(lines))
    model = load_reference_objects(tmp_path)["thing"]
    np.testing.assert_allclose(model.vertices, vertices)
    np.testing.assert_array_equal(model.faces, np.vstack([faces, faces]))


@pytest.mark.parametrize(
    ("text", "words"),
    [("v 0 0 0\nf 1 1 1\n", "expected 1000 vertices, found 1"), ("f 1 2 x\n", "Wavefront OBJ"), ("", "no vertices")],
)
def test_a_template_that_does_not_fit_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "thing" / "textured_simple_2000.obj"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(UserError, match=words) as refused:
        load_reference_objects(tmp_path)
    assert str(file) in str(refused.value)


def test_resampled_meshes_cannot_replace_the_templates(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot take their place"):
        load_reference_objects(tmp_path)


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def write_zip(path: Path, content: object) -> None:
    torch.save(content, path)


def write_zip_with_a_newer_protocol(path: Path, content: object) -> None:
    torch.save(content, path, pickle_protocol=4)


def write_legacy(path: Path, content: object) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False)


def write_pickle(path: Path, content: object) -> None:
    path.write_bytes(pickle.dumps(content))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [write_zip, write_zip_with_a_newer_protocol, write_legacy, write_pickle])
def test_a_hostile_snapshot_is_refused_and_nothing_runs(tmp_path: Path, write: Callable[[Path, object], None]) -> None:
    snapshot, marker = tmp_path / "snapshot_ho3d.pth.tar", tmp_path / "ran"
    write(snapshot, {"network": {"module.a": torch.zeros(1)}, "epoch": Hostile(marker)})
    with pytest.raises(ForeignDataError, match=r"posix\.system|os\.system") as refused:
        read_snapshot(snapshot)
    assert str(snapshot) in str(refused.value)
    assert not marker.exists()


@pytest.mark.parametrize("content", [{"model": {}}, [1, 2], {"network": {"a": 1}}])
def test_a_file_without_a_network_is_refused(tmp_path: Path, content: object) -> None:
    snapshot = tmp_path / "other.pth.tar"
    torch.save(content, snapshot)
    with pytest.raises(UserError, match="'network'"):
        read_snapshot(snapshot)


def test_a_damaged_or_missing_snapshot_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pth.tar"
    damaged.write_bytes(b"not a snapshot at all")
    for path in (damaged, tmp_path / "missing.pth.tar"):
        with pytest.raises(UserError, match=path.name):
            read_snapshot(path)


def test_every_tensor_of_a_snapshot_is_known() -> None:
    unknown = [name for name in golden.shapes() if our_name(name) is None and not name.startswith(UNUSED)]
    assert unknown == []
    used = {name: our_name(name) for name in golden.shapes() if our_name(name) is not None}
    assert len(set(used.values())) == len(used)
    assert all(their_name(ours) == name for name, ours in used.items() if ours is not None)


def full_camera() -> Camera:
    height, width = CROPS["image_bgr_u8"].shape[:2]
    return Camera(CROPS["K_full"], width, height)


def check_crop(box: CropBox, name: str) -> None:
    expected = CROPS[f"{name}_crop_xywh_256"]
    np.testing.assert_allclose([box.x, box.y, box.side, box.side], expected, atol=1e-4)
    np.testing.assert_allclose(reference_affine(box), CROPS[f"{name}_affine"], atol=1e-4)


@pytest.mark.parametrize("name", ["wide", "small", "edge", "huge"])
def test_crops_as_on_ho3d(name: str) -> None:
    camera = full_camera()
    hand_box = CROPS[f"{name}_hand_box_full"] * np.tile(full_to_reference(camera), 2)
    box = reference_crop_box(np.stack([hand_box, CROPS[f"{name}_obj_box_256"]]))
    check_crop(box, name)
    crop = reference_crop(np.ascontiguousarray(CROPS["image_bgr_u8"][..., ::-1]), camera, box)
    np.testing.assert_allclose(crop.camera.matrix, CROPS[f"{name}_K_crop"], rtol=0, atol=1e-4)
    pixels = crop.image[::8, ::8, ::-1].transpose(2, 0, 1)
    np.testing.assert_allclose(pixels, CROPS[f"{name}_crop_img_sub"], atol=5e-3)


@pytest.mark.parametrize("name", ["dex0", "dex1"])
def test_crops_as_on_dexycb(name: str) -> None:
    camera = reference_camera(full_camera())
    boxes = [projected_box(camera, CROPS[f"{name}_{part}_verts"].astype(float)) for part in ("hand", "obj")]
    box = reference_crop_box(np.stack(boxes))
    check_crop(box, name)
    matrix = reference_crop_camera(full_camera(), box).matrix
    np.testing.assert_allclose(matrix, CROPS[f"{name}_K_crop"], rtol=0, atol=1e-4)
