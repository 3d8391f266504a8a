"""Writes synthetic episodes as a DexYCB tree: every file, key, shape, type, unit and frame as there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import inverse_pose
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.posed_scene import HAND_LABEL, OBJECT_LABEL
from hand_object_pose_training.datasets.dexycb_layout import (
    HAND_VALUE,
    SEQUENCES_EACH,
    SERIALS,
    SUBJECTS,
    YCB_NAMES,
)
from hand_object_pose_training.datasets.episodes import Episode, View
from hand_object_pose_training.datasets.hands import ManoParameters
from hand_object_pose_training.datasets.images import encode_millimetres
from hand_object_pose_training.datasets.recording import RecordedFrame, Recorder, dataset_camera
from hand_object_pose_training.datasets.tree_models import STAND_INS

# (subject, sequence): the first ones fill every split of every setup, and are of both hands.
FIRST_SEQUENCES = ((0, 0), (2, 4), (0, 9), (7, 15), (6, 35), (8, 37), (1, 1), (9, 99))
MASTER = SERIALS[0]
LONGEST = 12
_JPEG_QUALITY = 95
# In a sequence this long the first frame is not annotated, as it happens there while no hand is seen.
_LENGTH_WITH_BLANK = 4


class DexYcbWriter:
    """Writes one tree; each subject has its 100 sequences, those that are not recorded with 0 frames."""

    def __init__(self, root: Path, models: list[ObjectModel], recorder: Recorder, seed: int) -> None:
        """Five consecutive sequences take the same object; sequences with odd numbers are left-handed."""
        self._root, self._models, self._recorder, self._seed = root, models, recorder, seed
        rng = np.random.default_rng(seed)
        self._cameras = {serial: dataset_camera(rng) for serial in SERIALS}

    def write(self, frames: int, progress: Callable[[], None]) -> int:
        """Write ``frames`` images, rounded up to whole sequences of eight cameras; returns how many."""
        lengths = _lengths(frames)
        for serial, camera in self._cameras.items():
            self._write_yaml(f"calibration/intrinsics/{serial}_640x480.yml", _intrinsics(camera))
        for subject in range(len(SUBJECTS)):
            for number in range(SEQUENCES_EACH):
                self._write_sequence(subject, number, lengths.get((subject, number), 0), progress)
        return sum(lengths.values()) * len(SERIALS)

    def _write_sequence(self, subject: int, number: int, length: int, progress: Callable[[], None]) -> None:
        name = sequence_name(subject, number)
        side = "left" if number % 2 else "right"
        model = self._models[number // 5 % len(self._models)]
        object_id = YCB_NAMES.index(STAND_INS[model.name]) + 1
        # A second object on the table without a pose, before or behind the grasped one.
        ycb_ids = sorted([object_id, object_id % len(YCB_NAMES) + 1])
        calibration = name.replace("/", "_") + f"_{side}" if length else f"{SUBJECTS[subject]}_{side}"
        meta = {
            "serials": list(SERIALS),
            "num_frames": length,
            "extrinsics": name.replace("/", "_"),
            "ycb_ids": ycb_ids,
            "ycb_grasp_ind": ycb_ids.index(object_id),
            "mano_sides": [side],
            "mano_calib": [calibration],
        }
        self._write_yaml(f"{name}/meta.yml", meta)
        if not length:
            self._write_yaml(f"calibration/mano_{calibration}/mano.yml", {"betas": [0.0] * 10})
            return
        rng = np.random.default_rng([self._seed, subject, number])
        episode = Episode(model, side, length, list(self._cameras.values()), rng)
        self._write_yaml(f"calibration/mano_{calibration}/mano.yml", {"betas": episode.betas.tolist()})
        self._write_yaml(f"calibration/extrinsics_{meta['extrinsics']}/extrinsics.yml", _extrinsics(episode))
        self._write_poses(name, episode, meta)
        for serial, view in zip(SERIALS, episode.views, strict=True):
            for frame in range(length):
                recorded = self._recorder.record(episode, frame, view, rng)
                self._write_frame(f"{name}/{serial}", frame, recorded, episode, meta)
                progress()

    def _write_frame(
        self, folder: str, frame: int, recorded: RecordedFrame, episode: Episode, meta: dict[str, Any]
    ) -> None:
        directory = self._root / folder
        directory.mkdir(parents=True, exist_ok=True)
        colour = directory / f"color_{frame:06d}.jpg"
        cv2.imwrite(str(colour), recorded.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        depth = directory / f"aligned_depth_to_color_{frame:06d}.png"
        cv2.imwrite(str(depth), encode_millimetres(recorded.depth))
        seg = np.zeros(recorded.labels.shape, dtype=np.uint8)
        seg[recorded.labels == OBJECT_LABEL] = meta["ycb_ids"][meta["ycb_grasp_ind"]]
        seg[recorded.labels == HAND_LABEL] = HAND_VALUE
        poses = np.zeros((len(meta["ycb_ids"]), 3, 4), dtype=np.float32)
        poses[meta["ycb_grasp_ind"]] = recorded.truth.object_pose[:3]
        parameters = self._parameters(episode, recorded.hand)
        joints = recorded.truth.joints[None].astype(np.float32)
        pixels = self._cameras[directory.name].project(recorded.truth.joints)[None].astype(np.float32)
        if _is_blank(frame, episode.num_frames):
            parameters, joints, pixels = parameters * 0, np.full_like(joints, -1), np.full_like(pixels, -1)
        np.savez_compressed(
            directory / f"labels_{frame:06d}.npz",
            seg=seg,
            pose_y=poses,
            pose_m=parameters.astype(np.float32),
            joint_3d=joints,
            joint_2d=pixels,
        )

    def _write_poses(self, name: str, episode: Episode, meta: dict[str, Any]) -> None:
        """``pose.npz``: all frames in the master camera's frame."""
        master = episode.views[SERIALS.index(MASTER)]
        objects = np.tile(np.array([0, 0, 0, 1, 0, 0, 0], np.float32), (episode.num_frames, len(meta["ycb_ids"]), 1))
        hands = np.zeros((episode.num_frames, 1, 51), dtype=np.float32)
        for frame in range(episode.num_frames):
            pose = episode.object_pose(frame, master)
            objects[frame, meta["ycb_grasp_ind"], :4] = Rotation.from_matrix(pose[:3, :3]).as_quat()
            objects[frame, meta["ycb_grasp_ind"], 4:] = pose[:3, 3]
            if not _is_blank(frame, episode.num_frames):
                hands[frame] = self._parameters(episode, episode.hand(frame, master))
        np.savez_compressed(self._root / name / "pose.npz", pose_y=objects, pose_m=hands)

    def _parameters(self, episode: Episode, hand: ManoParameters) -> FloatArray:
        """(1, 51): root axis-angle, 45 principal components about the mean pose, translation."""
        components = self._recorder.hands.components_of_fingers(episode.side, hand.pose[3:])
        return np.concatenate([hand.pose[:3], components, hand.translation])[None]

    def _write_yaml(self, path: str, content: dict[str, Any]) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(content, sort_keys=False))


def sequence_name(subject: int, number: int) -> str:
    """A folder "subject/date_time" whose place among its sorted neighbours is ``number``."""
    minutes, seconds = divmod(number * 40, 60)
    return f"{SUBJECTS[subject]}/{SUBJECTS[subject][:8]}_{14 + minutes // 60:02d}{minutes % 60:02d}{seconds:02d}"


def _lengths(frames: int) -> dict[tuple[int, int], int]:
    """How many frames each recorded sequence has: the first ones at least one each, then all longer, then more."""
    per_camera = -(-frames // len(SERIALS))
    others = [(subject, number) for number in range(SEQUENCES_EACH) for subject in range(len(SUBJECTS))]
    order = [*FIRST_SEQUENCES, *(place for place in others if place not in FIRST_SEQUENCES)]
    used = max(min(per_camera, len(FIRST_SEQUENCES)), -(-per_camera // LONGEST))
    base, more = divmod(per_camera, used)
    return {place: base + (index < more) for index, place in enumerate(order[:used])}


def _is_blank(frame: int, length: int) -> bool:
    return frame == 0 and length >= _LENGTH_WITH_BLANK


def _intrinsics(camera: Camera) -> dict[str, dict[str, float]]:
    matrix = camera.matrix
    values = {"fx": matrix[0, 0], "fy": matrix[1, 1], "ppx": matrix[0, 2], "ppy": matrix[1, 2]}
    colour = {name: float(value) for name, value in values.items()}
    return {"color": colour, "depth": dict(colour)}


def _extrinsics(episode: Episode) -> dict[str, Any]:
    """X_master = R X_camera + t of each camera, and of a tag at the world's origin."""
    master = episode.views[SERIALS.index(MASTER)].T_camera_world
    to_master = {serial: _rows(master, view) for serial, view in zip(SERIALS, episode.views, strict=True)}
    return {"extrinsics": {**to_master, "apriltag": master[:3].ravel().tolist()}, "master": MASTER}


def _rows(master: FloatArray, view: View) -> list[float]:
    return (master @ inverse_pose(view.T_camera_world))[:3].ravel().tolist()
