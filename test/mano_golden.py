"""The golden MANO-format hands and manopth's outputs for them (directory from HOP_MANO_GOLDEN)."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.hand.hand_model import HandModel

DIRECTORY = Path(os.environ.get("HOP_MANO_GOLDEN", Path(__file__).parent / "data" / "mano"))
TIPS = {"right": (745, 317, 444, 556, 673), "left": (745, 317, 445, 556, 673)}


@cache
def synthetic() -> dict[str, np.ndarray]:
    with np.load(DIRECTORY / "mano_synthetic.npz") as data:
        return dict(data)


@cache
def expected() -> dict[str, np.ndarray]:
    with np.load(DIRECTORY / "mano_expected.npz") as data:
        return dict(data)


def cases() -> list[dict[str, Any]]:
    return json.loads(str(expected()["meta_json"]))


def arrays(side: str) -> dict[str, np.ndarray]:
    prefix = f"{side}_"
    return {key[len(prefix) :]: value for key, value in synthetic().items() if key.startswith(prefix)}


@cache
def hand(side: str) -> HandModel:
    data = arrays(side)
    parents = data["kintree_table"][0].copy()
    parents[0] = -1
    return HandModel(
        name=f"synthetic_{side}",
        side=side,
        v_template=data["v_template"].astype(np.float64),
        shapedirs=data["shapedirs"].astype(np.float64),
        posedirs=data["posedirs"].astype(np.float64),
        joint_regressor=data["J_regressor"],
        weights=data["weights"],
        parents=parents,
        faces=data["f"].astype(np.int64),
        hands_components=data["hands_components"].astype(np.float64),
        hands_mean=data["hands_mean"].astype(np.float64),
        fingertips=np.array(TIPS[side]),
    )
