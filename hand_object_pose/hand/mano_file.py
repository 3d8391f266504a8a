"""Reads MANO_RIGHT.pkl and MANO_LEFT.pkl as distributed: Python 2 pickles with SciPy and chumpy objects inside."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.restricted_pickle import StandIn, load_restricted_pickle

FINGERTIPS = {"right": (745, 317, 444, 556, 673), "left": (745, 317, 445, 556, 673)}
"""manopth's tip vertices, thumb to little finger."""

_LEAF = "chumpy.ch.Ch"
_SELECT = "chumpy.reordering.Select"
_SPARSE = tuple(f"scipy.sparse.{module}.csc_matrix" for module in ("csc", "_csc"))
_SHAPES = {
    "v_template": (778, 3),
    "shapedirs": (778, 3, 10),
    "posedirs": (778, 3, 135),
    "J_regressor": (16, 778),
    "weights": (778, 16),
    "kintree_table": (2, 16),
    "f": (1538, 3),
    "hands_components": (45, 45),
    "hands_mean": (45,),
}
_HOW_TO_GET_IT = (
    "MANO may not be redistributed, so it is not shipped with this package. Register at https://mano.is.tue.mpg.de, "
    "accept its licence (non-commercial research), download 'Models & Code' (mano_v1_2.zip), and give the path of "
    "models/MANO_RIGHT.pkl, or of its directory. Without it, the default hand is used"
)


def load_mano(path: str | Path, side: str | None = None, mend_left_shape: bool = False) -> HandModel:
    """Load a MANO model file without executing anything it holds.

    Args:
        path: MANO_RIGHT.pkl, MANO_LEFT.pkl, or a directory that holds them (then ``side`` is needed).
        side: "right" or "left"; None takes it from the file's name.
        mend_left_shape: negate the x component of the left hand's shape directions, whose sign is wrong in the
            genuine file. Off by default, because data sets such as DexYCB were annotated with the file as it is.

    Raises:
        ForeignDataError: the file asks for a class or function that is not on the allow-list.
        UserError: no such file (the message says where to get it), or not a MANO file.
    """
    file, side = _file_and_side(Path(path), side)
    content = load_restricted_pickle(file, stand_ins=(_LEAF, _SELECT, *_SPARSE))
    arrays = _arrays(content, file)
    if mend_left_shape and side == "left":
        arrays["shapedirs"] = arrays["shapedirs"] * np.array([-1.0, 1.0, 1.0])[:, None]
    parents = arrays["kintree_table"][0].astype(np.uint32).astype(np.int32).astype(np.int64)
    return HandModel(
        name=f"mano_{side}",
        side=side,
        v_template=arrays["v_template"],
        shapedirs=arrays["shapedirs"],
        posedirs=arrays["posedirs"],
        joint_regressor=arrays["J_regressor"],
        weights=arrays["weights"],
        parents=parents,
        faces=arrays["f"].astype(np.int64),
        hands_components=arrays["hands_components"],
        hands_mean=arrays["hands_mean"],
        fingertips=np.array(FINGERTIPS[side]),
    )


def _file_and_side(path: Path, side: str | None) -> tuple[Path, str]:
    if side not in (None, *FINGERTIPS):
        raise UserError(f"side: expected 'right' or 'left', found '{side}'")
    if path.is_dir():
        if side is None:
            raise UserError(f"{path}: is a directory; expected a MANO file, or a directory and a side")
        path = path / f"MANO_{side.upper()}.pkl"
    if not path.is_file():
        raise UserError(f"{path}: MANO file not found. {_HOW_TO_GET_IT}.")
    if side is None:
        named = [name for name in FINGERTIPS if name in path.stem.lower()]
        if len(named) != 1:
            raise UserError(f"{path}: the file's name does not say whether it is a right or a left hand; give the side")
        side = named[0]
    return path, side


def _arrays(content: Any, file: Path) -> dict[str, NDArray[np.float64]]:
    """The file's entries as dense arrays of the expected shapes."""
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a MANO file (a dict), found {type(content).__name__}")
    missing = sorted(_SHAPES.keys() - content.keys())
    if missing:
        raise UserError(f"{file}: expected a MANO file, but it lacks {', '.join(missing)}. {_HOW_TO_GET_IT}.")
    arrays = {}
    for key, shape in _SHAPES.items():
        try:
            array = np.asarray(_dense(content[key]), dtype=np.float64)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise UserError(f"{file}: '{key}': expected numbers, but they cannot be read: {error!r}") from error
        if array.shape != shape:
            raise UserError(f"{file}: '{key}': expected shape {shape}, found {array.shape}")
        arrays[key] = array
    return arrays


def _dense(value: Any) -> Any:
    """The array behind a SciPy or chumpy stand-in; everything else as it is."""
    if not isinstance(value, StandIn):
        return value
    state = vars(value)
    if value.class_name == _LEAF:
        return _dense(state["x"])
    if value.class_name == _SELECT:
        flat = np.ravel(_dense(state["a"]))
        return flat[np.asarray(_dense(state["idxs"]), dtype=np.int64)].reshape(state["preferred_shape"])
    shape = state.get("_shape", state.get("shape"))
    matrix = sparse.csc_matrix((state["data"], state["indices"], state["indptr"]), shape=shape)
    matrix.check_format(full_check=True)
    return matrix.toarray()
