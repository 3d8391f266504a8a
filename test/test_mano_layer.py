"""The MANO layer against manopth's and smplx's outputs, SciPy's rotations, and finite differences."""

from typing import Any

import mano_golden
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from hand_object_pose.hand.joints import MANO_WITH_TIPS_TO_STANDARD
from hand_object_pose.hand.mano_layer import HandMesh, ManoLayer
from hand_object_pose.hand.rotations import rotation_from_axis_angle

CASES = mano_golden.cases()
TOLERANCE = 1e-6


def layer_of(case: dict[str, Any]) -> ManoLayer:
    return ManoLayer(
        mano_golden.hand(case["side"]),
        use_pca=case["use_pca"],
        num_components=case["ncomps"],
        flat_hand_mean=case["flat_hand_mean"],
        center_index=case["center_idx"],
        root_palm=case["root_palm"],
    )


def posed(case: dict[str, Any], convert: Any) -> HandMesh:
    data = mano_golden.expected()
    inputs = [data.get(f"{case['name']}/{key}") for key in ("pose", "betas", "trans")]
    return layer_of(case)(*(None if value is None else convert(value) for value in inputs))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
@pytest.mark.parametrize("library", ["numpy", "torch float64", "torch float32"])
def test_equals_manopth(case: dict[str, Any], library: str) -> None:
    if library == "numpy":
        mesh = posed(case, np.asarray)
    else:
        torch = pytest.importorskip("torch")
        mesh = posed(case, lambda value: torch.as_tensor(value, dtype=getattr(torch, library.split()[1])))
    data = mano_golden.expected()
    np.testing.assert_allclose(np.asarray(mesh.vertices), data[f"{case['name']}/verts"] / 1000, atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(np.asarray(mesh.joints), data[f"{case['name']}/joints"] / 1000, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    "case", [case for case in CASES if f"{case['name']}/smplx_verts" in mano_golden.expected()], ids=lambda c: c["name"]
)
def test_equals_smplx(case: dict[str, Any]) -> None:
    data, name = mano_golden.expected(), case["name"]
    layer = layer_of({**case, "center_idx": None, "root_palm": False})
    mesh = layer(*(data.get(f"{name}/{key}") for key in ("pose", "betas", "trans")))
    np.testing.assert_allclose(mesh.vertices, data[f"{name}/smplx_verts"], atol=2e-6, rtol=0)
    mano_order = np.argsort(MANO_WITH_TIPS_TO_STANDARD)[:16]
    np.testing.assert_allclose(mesh.joints[:, mano_order], data[f"{name}/smplx_joints16"], atol=2e-6, rtol=0)


def test_left_golden_is_used_with_its_own_fingertip() -> None:
    assert {case["side"] for case in CASES} == {"left", "right"}
    assert mano_golden.hand("left").fingertips[2] != mano_golden.hand("right").fingertips[2]


def test_numpy_computes_in_double_precision() -> None:
    mesh = ManoLayer(mano_golden.hand("right"))(np.zeros((1, 48), np.float32))
    assert mesh.vertices.dtype == np.float64
    np.testing.assert_allclose(mesh.vertices[0], mano_golden.hand("right").v_template, atol=1e-15)


def test_rotating_the_root_turns_the_hand_about_its_wrist() -> None:
    layer = ManoLayer(mano_golden.hand("right"), center_index=0)
    rng = np.random.default_rng(1)
    pose = rng.normal(0, 0.4, (3, 48))
    pose[:, :3] = 0
    turned = pose.copy()
    turned[:, :3] = rng.normal(0, 1, (3, 3))
    rotation = Rotation.from_rotvec(turned[:, :3]).as_matrix()
    still = layer(pose)
    np.testing.assert_allclose(layer(turned).vertices, still.vertices @ rotation.transpose(0, 2, 1), atol=1e-12)


@given(arrays(np.float64, 3, elements=st.floats(-7, 7)))
@settings(max_examples=100, deadline=None)
def test_axis_angle_equals_scipy(vector: np.ndarray) -> None:
    np.testing.assert_allclose(
        rotation_from_axis_angle(vector), Rotation.from_rotvec(vector).as_matrix(), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("angle", [0.0, 1e-30, 1e-9, 1e-4, 0.999e-3, 1.001e-3, np.pi - 1e-9, np.pi, 1.5 * np.pi])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_axis_angle_value_and_gradient_are_finite(angle: float, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    axis = np.array([0.6, 0.0, -0.8])
    vector = torch.tensor(angle * axis, dtype=getattr(torch, dtype), requires_grad=True)
    rotation = rotation_from_axis_angle(vector)
    reference = Rotation.from_rotvec(angle * axis).as_matrix()
    np.testing.assert_allclose(rotation.detach().numpy(), reference, atol=1e-12 if dtype == "float64" else 1e-6)
    rotation.sum().backward()
    assert torch.isfinite(vector.grad).all()


def test_gradients_equal_finite_differences() -> None:
    torch = pytest.importorskip("torch")
    layer = ManoLayer(mano_golden.hand("right"), use_pca=True, num_components=6, flat_hand_mean=False)
    rng = np.random.default_rng(2)
    inputs = [torch.tensor(rng.normal(0, 0.5, (2, n)), dtype=torch.float64, requires_grad=True) for n in (9, 10, 3)]
    probe = torch.tensor(rng.normal(0, 1, (2, 778, 3)))

    def probed(*arguments: Any) -> Any:
        mesh = layer(*arguments)
        return (mesh.vertices * probe).sum() + (mesh.joints**2).sum()

    assert torch.autograd.gradcheck(probed, inputs, atol=1e-6)


def test_rest_pose_is_differentiable() -> None:
    torch = pytest.importorskip("torch")
    pose = torch.zeros((1, 48), requires_grad=True)
    ManoLayer(mano_golden.hand("right"))(pose).vertices.square().sum().backward()
    assert pose.grad is not None
    assert torch.isfinite(pose.grad).all()
    assert pose.grad.abs().max() > 0


def test_wrong_arguments_are_refused() -> None:
    hand = mano_golden.hand("right")
    with pytest.raises(ValueError, match="pose: expected shape"):
        ManoLayer(hand, use_pca=True, num_components=6)(np.zeros((1, 48)))
    with pytest.raises(ValueError, match="betas: expected shape"):
        ManoLayer(hand)(np.zeros((2, 48)), np.zeros((1, 10)))
    with pytest.raises(ValueError, match="num_components"):
        ManoLayer(hand, use_pca=True, num_components=46)
    with pytest.raises(ValueError, match="center_index"):
        ManoLayer(hand, center_index=21)
