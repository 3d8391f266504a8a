"""Hand models as files: they come back as they were, and damaged files are refused in words."""

from dataclasses import fields
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_file import load_hand_model, save_hand_model


def test_round_trip_and_same_bytes(tmp_path: Path) -> None:
    model = default_hand()
    save_hand_model(tmp_path / "a.npz", model)
    save_hand_model(tmp_path / "b.npz", model)
    loaded = load_hand_model(tmp_path / "a.npz")
    for field in fields(model):
        np.testing.assert_array_equal(getattr(loaded, field.name), getattr(model, field.name))
    assert loaded.hash == model.hash
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_refuses_what_is_no_hand_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such hand model"):
        load_hand_model(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("not a zip")
    with pytest.raises(UserError, match=r"text\.npz: expected an \.npz file"):
        load_hand_model(tmp_path / "text.npz")
    np.savez(tmp_path / "partial.npz", name="hand")
    with pytest.raises(UserError, match=r"lacks side, v_template"):
        load_hand_model(tmp_path / "partial.npz")


def test_refuses_a_file_with_damage_inside(tmp_path: Path) -> None:
    """The archive is whole, but what it holds cannot be decompressed."""
    path = tmp_path / "damaged.npz"
    save_hand_model(path, default_hand())
    content = bytearray(path.read_bytes())
    with ZipFile(path) as archive:
        entry = archive.getinfo("shapedirs.npy")
    # No block of compressed data begins with these bits.
    start = entry.header_offset + 30 + len(entry.filename)
    content[start : start + 60] = bytes([0xFF]) * 60
    path.write_bytes(content)

    with pytest.raises(UserError, match=r"damaged\.npz: expected an \.npz file"):
        load_hand_model(path)


def test_never_unpickles(tmp_path: Path) -> None:
    arrays = {field.name: getattr(default_hand(), field.name) for field in fields(default_hand())}
    np.savez(tmp_path / "object.npz", **(arrays | {"parents": np.array([{"a": 1}], dtype=object)}))
    with pytest.raises(UserError, match=r"object\.npz.*cannot be read"):
        load_hand_model(tmp_path / "object.npz")
