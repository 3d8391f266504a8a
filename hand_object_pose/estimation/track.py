"""One hand-object pair over time: where to look for it, and everything that remembers it."""

from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.grasp_state import GraspTracker
from hand_object_pose.estimation.object_fit import ObjectFit
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.region_of_interest import LEAST_OVERLAP, Region, overlap
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, crop_through


class Track:
    """A track, or a place for one: when it is lost, another may begin in its place, under a new number.

    Attributes:
        number: the track's, the same as long as it goes on; 0 before its first valid estimate.
        object_name: the object that it is of; empty where it has none yet.
        side: of its hand, as detected; empty where that is not known.
        object_fit, grasps, smoother: what remembers the frames before.
    """

    def __init__(self, config: EstimatorConfig) -> None:
        """Prepare a place."""
        self.number = 0
        self.object_name = ""
        self.side = ""
        self.object_fit = ObjectFit()
        self.grasps = GraspTracker(config.grasp)
        self.smoother = config.make_smoother()
        self._config = config
        self._region_of_interest = config.make_region_of_interest()
        self._last: tuple[float, CropBox] | None = None
        self._is_valid = False

    def set_config(self, config: EstimatorConfig) -> None:
        """Change settings between frames; it goes on unless its own settings changed."""
        if not config.same_region_of_interest(self._config):
            self._region_of_interest = config.make_region_of_interest()
        if not config.same_smoothing(self._config):
            self.smoother = config.make_smoother()
        self.grasps.settings = config.grasp
        self._config = config

    def reset(self) -> None:
        """Forget everything but the number, so that the next track gets another."""
        self.object_name = self.side = ""
        self._last, self._is_valid = None, False
        for part in (self.object_fit, self._region_of_interest, self.grasps, self.smoother):
            part.reset()

    def change_camera(self, before: Camera, camera: Camera) -> None:
        """From now on frames are seen through another camera, in the same place: squares change, metres do not."""
        self._region_of_interest.change_camera(before, camera)
        if self._last is not None:
            self._last = self._last[0], crop_through(self._last[1], before, camera)

    def expected(self, stamp: float) -> CropBox | None:
        """Where the pair would be at a time in seconds; None where the track is lost, or never began."""
        tracked = self._region_of_interest.expected(stamp)
        if tracked is None and self._last and 0 <= stamp - self._last[0] <= self._config.lost_after:
            return self._last[1]
        return tracked

    def is_sure(self, stamp: float) -> bool:
        """Whether it is not lost, and its last estimate was valid."""
        return self._is_valid and self.expected(stamp) is not None

    def propose(self, frame: Frame) -> Region:
        """Where to look in a frame, which holds the detections of this pair only."""
        region = self._region_of_interest.propose(frame)
        if region.source != "tracking":
            self.object_name = ""
            self.side = frame.hand_sides[0] if frame.hand_sides else ""
        return region

    def continues(self, region: Region, stamp: float) -> bool:
        """Whether what is seen in a proposed region goes on with the track.

        Where every image is looked at anew, it does if the square overlaps that of the last valid estimate.
        """
        if self._config.follows or region.crop is None:
            return region.source == "tracking"
        before = self.expected(stamp)
        return before is not None and overlap(before, region.crop) >= LEAST_OVERLAP

    def follow(self, frame: Frame, seen: Observation, valid: bool) -> None:
        """Learn what was seen, and whether it may be followed."""
        self._region_of_interest.update(frame, seen.points if valid else None)
        self._is_valid = valid
        if valid:
            # Most frames of a track come without a detection that names the object.
            self.object_name = seen.model.name
            self._last = frame.stamp, seen.view.crop

    def miss(self) -> None:
        """Nothing was seen."""
        self._is_valid = False
