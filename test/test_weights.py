"""Weights files, and the backends that run them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from network_support import scramble
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.attention import TO_HAND, TO_OBJECT, attention_maps
from hand_object_pose.estimation.backend import Backend, NetworkOutput, WeightsInfo
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS, load_backend
from hand_object_pose.estimation.lift import Lift
from hand_object_pose.estimation.network_inputs import ObjectInputs
from hand_object_pose.estimation.onnx_backend import ATTENTION_KEY, OUTPUT_NAMES, OnnxBackend, onnx_path_of
from hand_object_pose.estimation.onnx_outputs import with_outputs
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.geometry.crops import CropBox, crop_camera, projected_box, square_crop
from hand_object_pose.geometry.neighbours import reference_neighbour_table
from hand_object_pose.geometry.se3 import rotation_from_wxyz, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.network.checkpoint import load_network, save_checkpoint
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.lixels import TemplateLixelHead
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.network.onnx_export import export_onnx
from hand_object_pose.objects.catalogue import default_catalogue

if TYPE_CHECKING:
    from hand_object_pose.synthetic.scene import Scene

# Fewer graph blocks than `compact` has: exporting takes time by their number.
CONFIG = replace(preset_config("compact"), residual_blocks=1)
# Metres that bfloat16 may move vertices, two to three times what docs/network.md has: mean over scenes of the hand's,
# and median of the object's, because a pose of which the network is unsure may jump.
HAND_TOLERANCE, OBJECT_TOLERANCE = 2e-3, 1e-2
PROVENANCE = {"data": "none", "mje_cm": "12.5"}


@pytest.fixture(scope="module")
def network() -> HandObjectNetwork:
    torch.manual_seed(0)
    network = HandObjectNetwork(CONFIG, default_hand(), training_heads=True)
    scramble(network)
    # Untrained, the rough object is a point, whose turn nothing determines; a trained one has an extent.
    assert isinstance(network.object_mesh, TemplateLixelHead)
    last = network.object_mesh.rows[-1]
    assert isinstance(last, torch.nn.Linear)
    last.weight.data *= 300
    return network.eval()


@pytest.fixture(scope="module")
def weights(network: HandObjectNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, network, CONFIG, default_hand(), default_catalogue(), PROVENANCE)
    return path


@pytest.fixture(scope="module")
def exported(weights: Path) -> Path:
    export_onnx(weights)
    return weights


def test_weights_tell_what_they_were_trained_on(weights: Path) -> None:
    info, hand = load_weights_info(weights), default_hand()
    assert (info.name, info.preset, info.provenance) == ("small", "compact", PROVENANCE)
    assert info.lixels == CONFIG.lixels
    assert (info.hand.name, info.hand.hash) == (hand.name, hand.hash)
    np.testing.assert_array_equal(info.hand.finger_labels, hand.finger_labels)
    np.testing.assert_allclose(info.hand.joint_regressor21, hand.joint_regressor21, atol=1e-7)
    for name, model in default_catalogue().items():
        assert info.objects[name].hash == model.hash
        for kind in ("discrete", "axes", "axis_points"):
            stored = getattr(info.objects[name].symmetries, kind)
            np.testing.assert_array_equal(stored, getattr(model.symmetries, kind))
    assert set(info.objects) == set(default_catalogue())


def test_weights_can_be_read_by_everybody(weights: Path) -> None:
    assert weights.stat().st_mode & 0o777 == 0o644


def test_a_hands_shape_and_pose_space_stay_with_their_owner(weights: Path) -> None:
    with safe_open(str(weights), framework="numpy") as file:
        names = {name for name in file.keys() if name.startswith("hand.")}  # noqa: SIM118
    assert names == {
        f"hand.{n}" for n in ("v_template", "joint_regressor", "weights", "parents", "faces", "fingertips")
    }


def test_a_network_comes_back_without_its_training_heads(weights: Path, network: HandObjectNetwork) -> None:
    loaded = load_network(weights).state_dict()
    original = network.state_dict()
    assert {name for name in original if name not in loaded} == {n for n in original if n.startswith(("joint", "mask"))}
    assert all(torch.equal(value, original[name]) for name, value in loaded.items())


def test_weights_are_read_without_torch(weights: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from hand_object_pose.estimation.backends import load_backend\n"
        "from hand_object_pose.estimation.weights_file import load_weights_info\n"
        f"print(load_weights_info({str(weights)!r}).preset)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("compact", 0), done.stderr


def edited(source: Path, out: Path, **metadata: str) -> Path:
    with safe_open(str(source), framework="numpy") as file:
        header = {**file.metadata(), **metadata}
    save_file(load_file(str(source)), str(out), metadata=header)
    return out


def test_what_is_not_ours_or_damaged_is_refused_by_name(weights: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.safetensors"
    text.write_text("not a safetensors file")
    config = json.dumps({"encoder": {}, "colour": "red"})
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(1)}, str(other))
    catalogue = json.loads(json.dumps({"ghost": {"hash": "0", "symmetries": {}}}))
    files = {
        tmp_path / "none.safetensors": "no such weights",
        text: "expected a safetensors file",
        other: "import-checkpoint",
        edited(weights, tmp_path / "later.safetensors", version="99"): "version 1, found 99",
        edited(weights, tmp_path / "config.safetensors", config=config): "not understood",
        edited(weights, tmp_path / "json.safetensors", hand="{"): "header is damaged",
        edited(weights, tmp_path / "parts.safetensors", catalogue=json.dumps(catalogue)): "incomplete",
    }
    for path, words in files.items():
        with pytest.raises(UserError, match=words) as refused:
            load_weights_info(path)
        assert str(path) in str(refused.value)


def test_a_mesh_that_does_not_match_its_hash_is_refused(weights: Path, tmp_path: Path) -> None:
    tensors = load_file(str(weights))
    name = next(iter(default_catalogue()))
    tensors[f"catalogue.{name}.vertices"][3] += 0.001
    with safe_open(str(weights), framework="numpy") as file:
        save_file(tensors, str(tmp_path / "moved.safetensors"), metadata=file.metadata())
    with pytest.raises(UserError, match=f"{name} do not match their hashes"):
        load_weights_info(tmp_path / "moved.safetensors")


def random_batch(info: WeightsInfo, count: int, seed: int = 0) -> tuple[np.ndarray, list]:
    rng = np.random.default_rng(seed)
    size = info.lixels.image_size
    coarse = rng.uniform(size=(count, 3, 8, 8)).astype(np.float32)
    images = coarse.repeat(size // 8, axis=2).repeat(size // 8, axis=3)
    images += rng.normal(scale=0.05, size=images.shape).astype(np.float32)
    names = sorted(info.objects)
    return images.clip(0, 1), [info.objects[names[k % len(names)]] for k in range(count)]


def metres(output: NetworkOutput, objects: list, lift: Lift) -> dict[str, np.ndarray]:
    """What people get: hand and object in metres."""
    templates = np.stack([model.vertices for model in objects])
    turned = templates @ rotation_from_wxyz(output.quaternion).swapaxes(1, 2)
    still = np.zeros((len(objects), 3)), np.tile(np.eye(3), (len(objects), 1, 1))
    origin = lift.translation(output.translation[:, None], *still)
    return {
        "hand": lift.points(output.hand_lixels),
        "rough object": lift.points(output.object_lixels),
        "object": turned + origin,
    }


def largest_difference(backends: list[Backend], images: np.ndarray, objects: list, lift: Lift) -> float:
    first, second = (metres(backend.run(images, objects), objects, lift) for backend in backends)
    return max(float(abs(first[name] - second[name]).max()) for name in first)


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_equals_torch_for_any_batch(exported: Path, batch: int) -> None:
    backends = [load_backend(exported, kind, "cpu") for kind in ("onnx", "torch")]
    size = CONFIG.image_size
    matrix = np.tile([[1.5 * size, 0, size / 2], [0, 1.5 * size, size / 2], [0, 0, 1]], (batch, 1, 1))
    lift = Lift(matrix, np.full(batch, 0.5), CONFIG.lixels)
    assert largest_difference(backends, *random_batch(backends[0].weights, batch), lift) < 1e-4


@pytest.mark.skipif(not onnx_path_of(DEFAULT_WEIGHTS).exists(), reason="no default weights in this checkout")
def test_default_weights_on_onnx_equal_torch_on_a_hundred_scenes() -> None:
    pytest.importorskip("embreex", reason="the synthesis part is not installed")
    backends = [load_backend(None, kind, "cpu") for kind in ("onnx", "torch")]
    for images, objects, lift in rendered_batches(backends[0].weights, batches=10, count=10):
        assert largest_difference(backends, images, objects, lift) < 1e-4


def rendered_batches(info: WeightsInfo, batches: int, count: int) -> Iterator[tuple[np.ndarray, list, Lift]]:
    """Crops of synthetic scenes, their objects, and the lift of their cameras."""
    from hand_object_pose.synthetic.render import SceneRenderer
    from hand_object_pose.synthetic.scene import Scene
    from hand_object_pose.synthetic.scene_sampler import SceneSampler

    rng, hand = np.random.default_rng(0), default_hand()
    sampler, renderer = SceneSampler(hand, default_catalogue()), SceneRenderer(hand, default_catalogue())
    for _ in range(batches):
        scenes = [sampler.sample(rng) for _ in range(count)]
        cameras = [crop_camera(scene.camera, _crop(scene), info.lixels.image_size) for scene in scenes]
        pairs = zip(scenes, cameras, strict=True)
        pictures = [renderer.render(Scene(s.truth, camera, s.appearance), rng).image for s, camera in pairs]
        images = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32) / 255
        depths = np.array([scene.truth.joints[0, 2] for scene in scenes])
        lift = Lift(np.stack([camera.matrix for camera in cameras]), depths, info.lixels)
        yield images, [info.objects[scene.truth.object_name] for scene in scenes], lift


def _crop(scene: "Scene") -> CropBox:
    points = transform_points(scene.truth.object_pose, default_catalogue()[scene.truth.object_name].vertices)
    boxes = [projected_box(scene.camera, each) for each in (scene.truth.hand_vertices, points)]
    return square_crop(np.stack(boxes))


def test_a_checkpoint_on_torch_equals_the_network_itself(weights: Path, network: HandObjectNetwork) -> None:
    backend = load_backend(weights, "torch", "cpu")
    images, objects = random_batch(backend.weights, 1)
    templates, neighbours = ObjectInputs(backend.weights)(objects)
    with torch.inference_mode():
        expected = network(*map(torch.from_numpy, (images, templates, neighbours)))
    found = backend.run(images, objects)
    np.testing.assert_allclose(found.hand_lixels, expected.refined_hand, atol=1e-5)
    np.testing.assert_allclose(found.votes, expected.votes, atol=1e-5)


def test_single_precision_is_bit_for_bit_the_network(weights: Path) -> None:
    backend = load_backend(weights, "torch", "cpu", precision="float32")
    images, objects = random_batch(backend.weights, 2)
    with torch.inference_mode():
        expected = load_network(weights)(*map(torch.from_numpy, (images, *ObjectInputs(backend.weights)(objects))))
    found = backend.run(images, objects)
    names = {"hand_lixels": "refined_hand", "object_lixels": "rough_object"}
    for name, array in vars(found).items():
        np.testing.assert_array_equal(array, getattr(expected, names.get(name, name)), err_msg=name)


@pytest.mark.skipif(not DEFAULT_WEIGHTS.exists(), reason="no default weights in this checkout")
def test_bfloat16_on_a_cpu_is_near_single_precision() -> None:
    pytest.importorskip("embreex", reason="the synthesis part is not installed")
    single, reduced = (load_backend(None, "torch", "cpu", precision=name) for name in ("float32", "bfloat16"))
    assert "bfloat16" in reduced.device
    ((images, objects, lift),) = rendered_batches(single.weights, batches=1, count=6)
    expected, found = (backend.run(images, objects) for backend in (single, reduced))
    assert {array.dtype for array in vars(found).values()} == {np.dtype(np.float32)}
    places, others = metres(expected, objects, lift), metres(found, objects, lift)
    moved = {name: np.linalg.norm(places[name] - others[name], axis=-1).mean(axis=1) for name in places}
    # It was in fact used.
    assert min(distances.min() for distances in moved.values()) > 1e-5
    assert moved["hand"].mean() < HAND_TOLERANCE
    assert np.median(moved["object"]) < OBJECT_TOLERANCE
    attention = reduced.attention(images[:1], objects[:1])[0]  # type: ignore[attr-defined]
    np.testing.assert_allclose(attention.to_hand.sum(axis=1), 1.0, atol=0.02)


def test_precisions_that_cannot_be_had_are_refused(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = "expected 'float32', the only one that the backend 'onnx' has, found 'bfloat16'; choose the backend"
    for kind, device, precision, words in (
        ("onnx", "cpu", "bfloat16", refusal),
        ("torch", "cpu", "float64", "'float64' does not exist; choose one of float32, float16, bfloat16"),
        ("torch", "meta", "bfloat16", r"does not have it on the device 'meta' .*; choose the precision 'float32'"),
    ):
        with pytest.raises(UserError, match=words):
            load_backend(exported, kind, device, precision=precision)
    assert "PyTorch" in load_backend(exported, "auto", "cpu", precision="bfloat16").device
    monkeypatch.setattr("hand_object_pose.estimation.backends.find_spec", lambda name: None)
    with pytest.raises(UserError, match=refusal):
        load_backend(exported, "auto", "cpu", precision="bfloat16")


def test_auto_takes_onnx_where_it_was_exported(exported: Path, weights: Path, tmp_path: Path) -> None:
    assert "ONNX" in load_backend(exported).device
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(weights.read_bytes())
    assert "PyTorch" in load_backend(alone).device
    with pytest.raises(UserError, match="export-onnx"):
        load_backend(alone, "onnx")


def test_an_export_of_other_weights_is_refused(exported: Path, tmp_path: Path) -> None:
    changed = edited(exported, tmp_path / "changed.safetensors", provenance='{"data": "other"}')
    onnx_path_of(changed).write_bytes(onnx_path_of(exported).read_bytes())
    with pytest.raises(UserError, match="exported from other weights") as refused:
        OnnxBackend(changed)
    assert f"export-onnx {changed}" in str(refused.value)


def test_a_damaged_export_is_refused(exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(exported.read_bytes())
    onnx_path_of(copy).write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot load"):
        OnnxBackend(copy)


def test_an_export_is_valid_onnx(exported: Path) -> None:
    onnx.checker.check_model(str(onnx_path_of(exported)), full_check=True)


def test_an_unknown_object_is_refused_with_those_known(weights: Path) -> None:
    backend = load_backend(weights, "torch", "cpu")
    images, objects = random_batch(backend.weights, 1)
    with pytest.raises(UnknownObjectError, match="teapot") as refused:
        backend.run(images, [replace(objects[0], name="teapot")])
    assert all(name in str(refused.value) for name in default_catalogue())


def test_images_of_another_size_are_refused(exported: Path) -> None:
    for kind in ("onnx", "torch"):
        backend = load_backend(exported, kind, "cpu")
        images, objects = random_batch(backend.weights, 1)
        with pytest.raises(ValueError, match="images"):
            backend.run(images[..., :64], objects)


def test_mistakes_in_choosing_are_told(exported: Path, tmp_path: Path) -> None:
    for arguments, words in {
        (exported, "tensorflow", "cpu"): "auto, onnx, torch",
        (onnx_path_of(exported), "auto", "cpu"): "ends? with .safetensors",
        (tmp_path / "none.safetensors", "auto", "cpu"): "no such weights",
        (exported, "onnx", "tpu"): "choose one of them",
        (exported, "torch", "tpu"): "choose 'cpu'",
    }.items():
        with pytest.raises(UserError, match=words):
            load_backend(*arguments)


def test_the_reference_preset_gets_the_released_edges(weights: Path) -> None:
    info = replace(load_weights_info(weights), preset="reference")
    model = next(iter(info.objects.values()))
    _, neighbours = ObjectInputs(info)([model])
    np.testing.assert_array_equal(neighbours[0], reference_neighbour_table(model.faces, 1000))
    assert neighbours[0, 0, 0] == 0


def test_attention_is_the_same_on_both_backends_and_no_output_of_the_file(exported: Path) -> None:
    """Torch has it from its own attention layer; the ONNX file must not compute or copy it at every evaluation."""
    backends = OnnxBackend(exported, 1), load_backend(exported, "torch", "cpu")
    images = np.random.default_rng(2).random((2, 3, 128, 128), np.float32)
    models = [backends[0].weights.objects[name] for name in ("mug", "can")]

    found, expected = (backend.attention(images, models) for backend in backends)  # type: ignore[attr-defined]

    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.to_hand, other.to_hand, atol=1e-6)
        np.testing.assert_allclose(one.to_object, other.to_object, atol=1e-6)
        np.testing.assert_allclose(one.to_hand.sum(axis=1), 1, atol=1e-5)
    assert np.abs(found[0].to_hand - found[1].to_hand).max() > 1e-6
    assert [output.name for output in onnx.load(onnx_path_of(exported)).graph.output] == list(OUTPUT_NAMES)


def test_appended_outputs_are_those_that_the_library_would_append(exported: Path) -> None:
    data = onnx_path_of(exported).read_bytes()
    expected = onnx.load_from_string(data)
    # Longer than 127 bytes, so that lengths take two bytes.
    names = ["softmax_6", "x" * 300]
    expected.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)

    assert onnx.load_from_string(with_outputs(data, names)) == expected


def test_a_file_that_does_not_name_its_attention_asks_for_another_export(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(onnx_path_of(exported))
    kept = [entry for entry in model.metadata_props if entry.key != ATTENTION_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    path = tmp_path / exported.name
    path.write_bytes(exported.read_bytes())
    onnx.save(model, str(onnx_path_of(path)))
    backend = OnnxBackend(path, 1)

    with pytest.raises(UserError, match="export-onnx"):
        backend.attention(np.zeros((1, 3, 128, 128), np.float32), [backend.weights.objects["mug"]])


def test_a_network_without_attention_says_so() -> None:
    cases: tuple[dict[str, np.ndarray | None], ...]
    cases = ({}, {TO_HAND: None, TO_OBJECT: None}, {TO_HAND: np.zeros((1, 778, 1778))})
    for found in cases:
        with pytest.raises(UserError, match="no attention"):
            attention_maps(found)


def test_the_default_weights_attend() -> None:
    backend = load_backend(None, "onnx", "cpu", 1)
    image = np.random.default_rng(3).random((1, 3, 128, 128), np.float32)

    (maps,) = backend.attention(image, [backend.weights.objects["mug"]])  # type: ignore[attr-defined]

    np.testing.assert_allclose(maps.to_hand.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(maps.to_object.sum(axis=1), 1, atol=1e-5)
