"""Safetensors files are whole, in the order of their arrays, and readable by others."""

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file

from hand_object_pose.tensor_files import write_tensors


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_others_may_read_it_as_the_umask_allows(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "sub" / "a.safetensors", {"a": np.zeros(3)})
    finally:
        os.umask(before)
    assert (tmp_path / "sub" / "a.safetensors").stat().st_mode & 0o777 == mode


def test_arrays_in_any_order_of_memory_and_of_no_dimension_come_back(tmp_path: Path) -> None:
    arrays = {"turned": np.arange(6.0).reshape(2, 3).T, "every_second": np.arange(6)[::2], "one": np.array(3.0)}
    write_tensors(tmp_path / "a", arrays, {"note": "x"})
    found = load_file(tmp_path / "a")
    assert {name: array.shape for name, array in found.items()} == {"turned": (3, 2), "every_second": (3,), "one": ()}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensors(path, {"a": np.zeros(3)})
    before = path.read_bytes()
    with pytest.raises((SafetensorError, OSError, ValueError, KeyError, TypeError)):
        write_tensors(path, {"a": np.array(["no", "tensor"])})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
