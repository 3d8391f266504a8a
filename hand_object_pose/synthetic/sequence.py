"""A handover as a camera sees it: a hand reaches for an object, grasps, lifts and turns it, and holds it out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix, transform_points
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.appearance import Appearance, sample_appearance
from hand_object_pose.synthetic.grasps import GraspGenerator, Grasps
from hand_object_pose.synthetic.hand_frame import HandFrame
from hand_object_pose.synthetic.motion import PoseTrack, minimum_jerk
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.staging import Staging, stage_handover
from hand_object_pose.synthetic.table import TableStand
from hand_object_pose.synthetic.viewpoints import ViewConfig

PHASES = ("reach", "grasp", "lift", "turn", "turn_on", "hold_out", "offer")
# Keeps the random numbers of sequences apart from those of the training library, whatever their seeds.
_SEQUENCE_STREAM = 7_301


@dataclass(frozen=True)
class SequenceConfig:
    """The course of a sequence.

    Attributes:
        frame_rate: images a second.
        phase_durations: seconds of each of ``PHASES``; each is stretched at random by up to ``tempo``.
        tempo: relative variation.
        grasps: how many grasps are prepared to choose from, at a time; grasp_rounds: how often, until one fits.
        tremor: amplitude of the slow sway of the held-out hand, metres.
        image_size: (width, height).
        view: the distribution that every frame stays inside.
    """

    frame_rate: float = 30.0
    phase_durations: tuple[float, ...] = (1.9, 0.7, 1.2, 1.7, 1.7, 1.4, 2.2)
    tempo: float = 0.15
    grasps: int = 8
    grasp_rounds: int = 12
    tremor: float = 0.004
    image_size: tuple[int, int] = (640, 480)
    view: ViewConfig = field(default_factory=ViewConfig)


class HandoverSequence:
    """One sequence, determined by its seed; grasp, motion, camera and look are its own."""

    def __init__(
        self,
        seed: int,
        hand: HandModel,
        catalogue: Mapping[str, ObjectModel],
        object_name: str | None = None,
        config: SequenceConfig | None = None,
    ) -> None:
        """Plan the sequence; takes some seconds, because its grasps are found anew.

        Args:
            seed: any non-negative number.
            hand: a right hand; catalogue: the objects to choose from.
            object_name: None chooses one by the seed.
            config: see ``SequenceConfig``.

        Raises:
            UserError: no hand can grasp the object such that the camera sees it as configured.
        """
        rng = np.random.default_rng([_SEQUENCE_STREAM, seed])
        drawn = sorted(catalogue)[int(rng.integers(len(catalogue)))]
        self.seed = seed
        self.config = config = config or SequenceConfig()
        self.model = catalogue[object_name or drawn]
        generator = GraspGenerator(hand)
        self.staging: Staging = self._staged(generator, rng)
        self.appearance: Appearance = _steady(sample_appearance(rng))
        self._posed = generator.posed
        stretch = rng.uniform(1 - config.tempo, 1 + config.tempo, len(PHASES))
        self._ends = np.cumsum(np.array(config.phase_durations) * stretch)
        self._sway_phase = rng.uniform(0, 2 * np.pi, 3)
        self._sway_rate = rng.uniform(0.25, 0.6, 3)
        closing = self._ends[1] - self._ends[0]
        arrivals = np.concatenate([[0.0, self._ends[0]], self._ends[2:6] - closing])
        self._track = PoseTrack(arrivals, self.staging.wrist_keyframes)

    def _staged(self, generator: GraspGenerator, rng: np.random.Generator) -> Staging:
        config, grid, posed = self.config, grid_of(self.model), generator.posed
        stand = TableStand.of(self.model, rng)

        def is_worth_trying(wrist: FloatArray) -> NDArray[np.bool_]:
            return stand.is_reachable(wrist, posed.frame, config.view, margin=0.0)

        for _ in range(config.grasp_rounds):
            found, _, _ = generator.generate(self.model, grid, config.grasps, rng, is_worth_trying)
            staging = stage_handover(stand, found, posed, config.view, config.image_size, rng)
            if staging is not None:
                return staging
        raise UserError(
            f"object '{self.model.name}', seed {self.seed}: no handover found in {config.grasp_rounds} rounds of "
            f"{config.grasps} grasps; try another seed or widen the ranges of ViewConfig"
        )

    @property
    def camera(self) -> Camera:
        """The static camera."""
        return self.staging.camera

    @property
    def grasp(self) -> Grasps:
        """The one grasp (N = 1) used."""
        return self.staging.grasp

    @property
    def hand_frame(self) -> HandFrame:
        """Forward, thumbward and palmar directions of the hand model."""
        return self._posed.frame

    @property
    def num_frames(self) -> int:
        """How many frames the whole sequence has."""
        return int(self._ends[-1] * self.config.frame_rate)

    def time(self, frame: int) -> float:
        """Seconds since the first frame."""
        return frame / self.config.frame_rate

    def phase(self, frame: int) -> str:
        """Which of ``PHASES`` a frame belongs to."""
        return PHASES[min(int(np.searchsorted(self._ends, self.time(frame), side="right")), len(PHASES) - 1)]

    def wrist_pose(self, frame: int) -> FloatArray:
        """(4, 4) hand model's axes with the wrist at the origin, to the camera frame."""
        time = self.time(frame)
        pose = self._track_time(time)
        offered = minimum_jerk((time - self._ends[4]) / (self._ends[5] - self._ends[4]))
        sway = np.sin(2 * np.pi * self._sway_rate * (time - self._ends[4]) + self._sway_phase) - np.sin(
            self._sway_phase
        )
        return pose_matrix(pose[:3, :3], pose[:3, 3] + self.config.tremor * offered * sway)

    def finger_pose(self, frame: int) -> FloatArray:
        """(45,) axis-angle pose of the fingers."""
        time = self.time(frame)
        closed = minimum_jerk((time - self._ends[0]) / (self._ends[1] - self._ends[0]))
        return (closed * self.grasp.pose + (1 - closed) * self._relaxed(self.grasp, time))[0]

    def object_pose(self, frame: int) -> FloatArray:
        """(4, 4) object frame to camera frame: at rest until it is held, then moving with the wrist."""
        if self.time(frame) < self._ends[1]:
            return self.staging.resting_pose
        return self.wrist_pose(frame) @ inverse_pose(self.grasp.T_object_wrist[0])

    def scene(self, frame: int) -> Scene:
        """The scene of a frame, 0 to ``num_frames`` - 1."""
        wrist = self.wrist_pose(frame)
        vertices, joints = (points[0] for points in self._posed.mesh(self.finger_pose(frame)[None], self.grasp.betas))
        placed = transform_points(wrist, vertices), transform_points(wrist, joints)
        truth = SceneTruth(*placed, self.model.name, self.object_pose(frame))
        return Scene(truth, self.camera, self.appearance)

    def mano_parameters(self, frame: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Pose (48,), shape (10,) and translation (3,) with which ``ManoLayer`` gives the hand in the camera frame."""
        wrist = self.wrist_pose(frame)
        turn = Rotation.from_matrix(wrist[:3, :3]).as_rotvec()
        at_rest = self._posed.layer(np.zeros((1, 48)), self.grasp.betas).joints[0, 0]
        pose = np.concatenate([turn, self.finger_pose(frame)])
        return pose, self.grasp.betas[0], wrist[:3, 3] - at_rest

    def __iter__(self) -> Iterator[Scene]:
        """All scenes in order."""
        return (self.scene(frame) for frame in range(self.num_frames))

    def _track_time(self, time: float) -> FloatArray:
        """The hand waits at the object while its fingers close."""
        reach, closing = self._ends[0], self._ends[1] - self._ends[0]
        return self._track.at(min(time, reach) if time < self._ends[1] else time - closing)

    def _relaxed(self, grasp: Grasps, time: float) -> FloatArray:
        """On its way the hand opens from half closed."""
        opened = minimum_jerk(time / (0.8 * self._ends[0]))
        share = 0.3 * (1 - opened)
        return share * grasp.pose + (1 - share) * grasp.open_pose


def _steady(appearance: Appearance) -> Appearance:
    """The look without motion blur: its direction belongs to one moment, not to a sequence."""
    return replace(appearance, camera=replace(appearance.camera, motion_blur=np.zeros(2)))
