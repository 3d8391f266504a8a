"""MANO files in the shapes they come in, and pickles that ask for more than data."""

import io
import os
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import mano_golden
import numpy as np
import pytest
from scipy import sparse

from hand_object_pose.errors import ForeignDataError, UserError
from hand_object_pose.hand.mano_file import load_mano
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.hand.restricted_pickle import load_restricted_pickle

CHUMPY = {"chumpy.ch": "Ch", "chumpy.reordering": "Select"}


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """Classes that pickle under chumpy's names; they exist while the file is written only."""
    made = {}
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    for module_name, class_name in CHUMPY.items():
        module = types.ModuleType(module_name)
        made[class_name] = type(class_name, (), {"__module__": module_name})
        setattr(module, class_name, made[class_name])
        monkeypatch.setitem(sys.modules, module_name, module)
    return types.SimpleNamespace(**made)


def content(side: str) -> dict[str, Any]:
    data = mano_golden.arrays(side)
    floats = ("v_template", "posedirs", "shapedirs", "J", "weights", "hands_components", "hands_mean")
    return {
        **{key: data[key].astype(np.float64) for key in floats},
        "J_regressor": sparse.csc_matrix(data["J_regressor"].astype(np.float64)),
        "kintree_table": data["kintree_table"],
        "f": data["f"],
        "hands_coeffs": np.zeros((1554, 45)),
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }


def python2_names(pickled: bytes) -> bytes:
    """The module names of the genuine files (protocol 2 stores them as text lines)."""
    renamed = {
        b"cnumpy._core.multiarray\n": b"cnumpy.core.multiarray\n",
        b"cscipy.sparse._csc\n": b"cscipy.sparse.csc\n",
    }
    for new, old in renamed.items():
        assert new in pickled or old in pickled
        pickled = pickled.replace(new, old)
    return pickled


def write(path: Path, data: dict[str, Any], protocol: int = 2) -> Path:
    pickled = pickle.dumps(data, protocol=protocol)
    path.write_bytes(python2_names(pickled) if protocol == 2 else pickled)
    return path


def leaf(chumpy: types.SimpleNamespace, array: np.ndarray) -> Any:
    made = chumpy.Ch()
    made.__dict__.update(x=array, _dirty_vars=set(), _itr=None)
    return made


def select(chumpy: types.SimpleNamespace, array: np.ndarray) -> Any:
    """A Select over a leaf with 20 directions, of which it takes the first ten, as in the genuine file."""
    twenty = np.concatenate([array, np.full_like(array, 7.0)], axis=2)
    made = chumpy.Select()
    indices = np.arange(twenty.size).reshape(twenty.shape)[:, :, :10].ravel()
    made.__dict__.update(a=leaf(chumpy, twenty), idxs=indices, preferred_shape=(778, 3, 10))
    return made


@pytest.mark.parametrize("variant", ["array", "leaf", "select"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_loads_what_was_written(tmp_path: Path, chumpy: types.SimpleNamespace, variant: str, side: str) -> None:
    data = content(side)
    wrap = {"array": lambda _, array: array, "leaf": leaf, "select": select}[variant]
    data["shapedirs"] = wrap(chumpy, data["shapedirs"])
    model = load_mano(write(tmp_path / f"MANO_{side.upper()}.pkl", data))
    golden = mano_golden.hand(side)
    assert (model.name, model.side) == (f"mano_{side}", side)
    for name in ("v_template", "shapedirs", "posedirs", "joint_regressor", "weights", "parents", "faces"):
        np.testing.assert_array_equal(getattr(model, name), getattr(golden, name), err_msg=name)
    assert model.hash == golden.hash
    case = f"{side[0]}_pca45_mean_trans"
    layer = ManoLayer(model, use_pca=True, flat_hand_mean=False)
    mesh = layer(*(mano_golden.expected()[f"{case}/{key}"] for key in ("pose", "betas", "trans")))
    np.testing.assert_allclose(mesh.joints, mano_golden.expected()[f"{case}/joints"] / 1000, atol=1e-6, rtol=0)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_every_pickle_protocol(tmp_path: Path, chumpy: types.SimpleNamespace, protocol: int) -> None:
    data = content("right")
    data["shapedirs"] = select(chumpy, data["shapedirs"])
    model = load_mano(write(tmp_path / "MANO_RIGHT.pkl", data, protocol))
    np.testing.assert_array_equal(model.shapedirs, mano_golden.hand("right").shapedirs)
    np.testing.assert_array_equal(model.joint_regressor, mano_golden.hand("right").joint_regressor)


def test_python2_strings_and_byte_orders(tmp_path: Path) -> None:
    """Python 2 wrote an array's bytes as a string opcode; here by hand, and big-endian."""
    values = np.arange(6, dtype=">f8").reshape(2, 3, order="F")
    raw = values.tobytes(order="F")
    text = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R"
        b"(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x88U" + bytes([len(raw)]) + raw + b"tb."
    )
    path = tmp_path / "array.pkl"
    path.write_bytes(text)
    np.testing.assert_array_equal(load_restricted_pickle(path), values)


def test_arrays_scalars_and_nesting_survive(tmp_path: Path) -> None:
    stored: dict[str, Any] = {
        "a": [np.float64(1.5), np.arange(3, dtype=np.uint8)],
        "b": (None, "x", np.array(["left"])),
        "c": {1, 2},
    }
    path = tmp_path / "annotation.pkl"
    path.write_bytes(pickle.dumps(stored, protocol=2))
    loaded = load_restricted_pickle(path)
    assert loaded["a"][0] == 1.5
    np.testing.assert_array_equal(loaded["a"][1], stored["a"][1])
    assert loaded["b"][:2] == (None, "x")
    assert loaded["b"][2][0] == "left"
    assert loaded["c"] == {1, 2}


class Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch {marker}",), f"{os.system.__module__}.system"),
        (eval, ("open({marker!r}, 'w')",), ".eval"),
        (io.open, ("{marker}", "w"), "open"),
        (np.memmap, ("{marker}", "uint8", "w+", 0, 8), "numpy.memmap"),
        (np.save, ("{marker}", 1), "save"),
    ],
)
def test_hostile_pickle_is_refused_and_not_called(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...], named: str
) -> None:
    marker = tmp_path / "called"
    filled = [a.format(marker=str(marker)) if isinstance(a, str) else a for a in arguments]
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps({**content("right"), "v_template": Hostile(function, *filled)}, protocol=2))
    with pytest.raises(ForeignDataError) as refused:
        load_mano(path)
    assert str(path) in str(refused.value)
    assert named in str(refused.value)
    assert not marker.exists()


def test_hostile_pickle_as_os_system_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(os, "system", calls.append)
    path = tmp_path / "MANO_LEFT.pkl"
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ForeignDataError, match=r"MANO_LEFT\.pkl.*os\.system"):
        load_mano(path)
    assert calls == []


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.pkl"
    path.write_bytes(pickle.dumps(np.array([object], dtype=object), protocol=2))
    with pytest.raises(UserError, match=r"objects\.pkl"):
        load_restricted_pickle(path)


def test_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"MANO_RIGHT\.pkl.*not shipped.*https://mano\.is\.tue\.mpg\.de"):
        load_mano(tmp_path, side="right")


@pytest.mark.parametrize("raw", [b"", b"not a pickle", b"\x80\x02}q\x00(U"])
def test_damaged_files_are_named(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"MANO_RIGHT\.pkl"):
        load_mano(path)


def test_wrong_contents_are_named(tmp_path: Path) -> None:
    data = content("right")
    with pytest.raises(UserError, match="lacks weights"):
        load_mano(write(tmp_path / "a_right.pkl", {key: value for key, value in data.items() if key != "weights"}))
    with pytest.raises(UserError, match=r"'f': expected shape \(1538, 3\), found \(1500, 3\)"):
        load_mano(write(tmp_path / "b_right.pkl", {**data, "f": data["f"][:1500]}))
    with pytest.raises(UserError, match="give the side"):
        load_mano(write(tmp_path / "mano.pkl", data))


def test_corrupt_sparse_indices_do_not_reach_native_code(tmp_path: Path) -> None:
    data = content("right")
    data["J_regressor"].indices[0] = 10**8
    with pytest.raises(UserError, match="J_regressor"):
        load_mano(write(tmp_path / "MANO_RIGHT.pkl", data))


def test_mending_the_left_shape_is_an_option(tmp_path: Path) -> None:
    path = write(tmp_path / "MANO_LEFT.pkl", content("left"))
    as_is, mended = load_mano(tmp_path, "left"), load_mano(path, mend_left_shape=True)
    np.testing.assert_array_equal(mended.shapedirs[:, 0], -as_is.shapedirs[:, 0])
    np.testing.assert_array_equal(mended.shapedirs[:, 1:], as_is.shapedirs[:, 1:])
