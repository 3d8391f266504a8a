"""From one frame to hand, object and contacts in metres: everything around the network."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UnknownObjectError
from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.contact_refinement import ContactRefinement, RefinementSettings
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.grasp_state import GraspTracker
from hand_object_pose.estimation.interaction import find_contacts
from hand_object_pose.estimation.looking import Looking, NothingSeen
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.pose_uncertainty import pose_covariance
from hand_object_pose.estimation.region_of_interest import Region, neighbours
from hand_object_pose.estimation.result import Box, Contacts, FrameResult, HandObjectEstimate
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.geometry.crops import CropBox
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.reachable_surface import reachable_surface

FloatArray = NDArray[np.floating]

_TRACKLESS = ("detections", "fixed", "full_frame")


class Estimator:
    """Estimates one hand and one object in each frame of a stream. Not thread-safe: one worker calls it."""

    def __init__(self, backend: Backend, config: EstimatorConfig | None = None) -> None:
        """Prepare with a backend that runs the weights, and settings.

        Raises:
            UnknownObjectError: the weights do not know the configured object.
        """
        self._backend = backend
        self._weights = backend.weights
        self._finger_labels = self._weights.hand.finger_labels
        self._track_id = 0
        self._tracked_object = ""
        self._config = config or EstimatorConfig()
        self._check_object(self._config.object_id)
        self._region_of_interest = self._config.make_region_of_interest()
        self._looking = Looking(backend, self._config)
        self._contact_refinement = ContactRefinement(self._weights.hand)
        self._grasps = GraspTracker(self._config.grasp)
        self._smoother = self._config.make_smoother()

    @property
    def config(self) -> EstimatorConfig:
        """The settings in use."""
        return self._config

    @property
    def backend(self) -> Backend:
        """What runs the network."""
        return self._backend

    def set_config(self, config: EstimatorConfig) -> None:
        """Change settings between frames; a track goes on unless its own settings changed.

        Raises:
            UnknownObjectError: the weights do not know the object; the settings stay as they were.
        """
        self._check_object(config.object_id)
        if not config.same_region_of_interest(self._config):
            self._region_of_interest = config.make_region_of_interest()
        if not config.same_smoothing(self._config):
            self._smoother = config.make_smoother()
        self._config = config
        self._looking.set_config(config)
        self._grasps.settings = config.grasp

    def set_object(self, object_id: str) -> None:
        """Look for another object; empty: by detection.

        Raises:
            UnknownObjectError: the weights do not know it.
        """
        self.set_config(replace(self._config, object_id=object_id))

    def reset(self) -> None:
        """Forget the track and its object, as after a jump of the clock."""
        self._tracked_object = ""
        self._looking.reset()
        self._region_of_interest.reset()
        self._grasps.reset()
        self._smoother.reset()

    def prepare(self) -> None:
        """Do now what would delay the first frame: run the network once, compute distance grids and surfaces."""
        object_id, _ = self._chosen_object("")
        models = [self._weights.objects[object_id]] if object_id else list(self._weights.objects.values())
        size = self._weights.lixels.image_size
        self._backend.run(np.zeros((1, 3, size, size), np.float32), models[:1])
        for model in models if self._config.contacts else []:
            grid_of(model)
            reachable_surface(model)

    def process(self, frame: Frame) -> FrameResult:
        """Everything estimated from one frame: one pair, whose reason says in words why it is not valid, if so."""
        timer = StageTimer()
        with timer.stage("total"):
            pair = self._estimate(frame, timer)
            with timer.stage("smoothing"):
                pair = self._smoother.refine(frame.stamp, pair, self._weights.objects)
        return FrameResult([pair], timer.seconds)

    def process_alone(self, frame: Frame, config: EstimatorConfig) -> FrameResult:
        """The same with other settings and apart from the stream; may be called from another thread.

        Raises:
            UnknownObjectError: the weights do not know the configured object.
        """
        return Estimator(self._backend, config).process(frame)

    def _estimate(self, frame: Frame, timer: StageTimer) -> HandObjectEstimate:
        region = self._region_of_interest.propose(frame)
        if region.source != "tracking":
            self._tracked_object = ""
        object_id, problem = self._chosen_object(frame.object_id or self._tracked_object)
        if region.crop is None or problem:
            return self._nothing(region, region.reason or problem)
        seen = self._best_look(frame, region, self._weights.objects[object_id], timer)
        if isinstance(seen, NothingSeen):
            return self._nothing(region, seen.reason, seen.root_source)
        self._looking.keep(frame, seen)
        if self._config.refinement:
            with timer.stage("refinement"):
                seen = self._refined(seen)
        pair = self._judged(frame, region, seen)
        with timer.stage("contacts"):
            return self._with_interaction(pair, frame, seen)

    def _best_look(
        self, frame: Frame, region: Region, model: ObjectModel, timer: StageTimer
    ) -> Observation | NothingSeen:
        """The look at the region; where it leaves doubts about a tracked one, the surest of it and its neighbours.

        A square a little off its place can be enough for a hand to be misread, and the track then follows the mistake.
        """
        assert region.crop is not None
        seen = self._looking.look(frame, region.crop, model, timer)
        if region.source != "tracking" or _sureness(seen) >= self._config.doubt_below:
            return seen
        others = (self._looking.look(frame, crop, model, timer) for crop in neighbours(region.crop))
        return max([seen, *others], key=_sureness)

    def _refined(self, seen: Observation) -> Observation:
        """The hand moved towards plausible contacts, where the object's pose is known."""
        if seen.view.mirrored or not np.isfinite(seen.points).all():
            return seen
        settings = RefinementSettings(time_budget=self._config.refinement_time_budget)
        lifted = self._contact_refinement.refine(seen.lifted, grid_of(seen.model), settings)
        return replace(seen, lifted=lifted)

    def _judged(self, frame: Frame, region: Region, seen: Observation) -> HandObjectEstimate:
        """The pair without contacts; the tracker learns whether it may be followed."""
        points, sure = seen.points, seen.confidence()
        reason = self._objection(points, sure)
        self._region_of_interest.update(frame, None if reason else points)
        if not reason:
            # Most frames of a track come without a detection that names the object.
            self._tracked_object = seen.model.name
            self._track_id += region.source != "tracking"
        return HandObjectEstimate(
            self._track_id,
            not reason,
            reason,
            sure,
            seen.hand(),
            seen.object(pose_covariance(seen)),
            box=_box(seen.view.crop),
            tracked=not reason and region.source == "tracking",
            roi_source=region.source,
            root_depth=seen.root.depth,
            root_depth_sigma=seen.root.sigma,
            root_depth_source=seen.root.source,
        )

    def _objection(self, points: FloatArray, sure: float) -> str:
        if not np.isfinite(points).all() or points[:, 2].min() <= 0:
            return "hand or object would lie behind the camera"
        if sure < self._config.confidence_threshold:
            return f"low confidence: {sure:.2f}, below {self._config.confidence_threshold:g}"
        return ""

    def _nothing(self, region: Region, reason: str, root_source: str = "") -> HandObjectEstimate:
        box = _box(region.crop)
        return HandObjectEstimate(
            self._track_id, False, reason, 0.0, box=box, roi_source=region.source, root_depth_source=root_source
        )

    def _with_interaction(self, pair: HandObjectEstimate, frame: Frame, seen: Observation) -> HandObjectEstimate:
        contacts = self._contacts(seen)
        if contacts is None or not pair.valid:
            return replace(pair, contacts=contacts)
        # Without tracking every frame begins a track; its one pair is then taken for the same.
        track = 0 if self._config.roi_mode in _TRACKLESS else pair.track_id
        grasp = self._grasps.update(track, frame.stamp, contacts.part_distances)
        return replace(pair, contacts=contacts, grasp=grasp)

    def _contacts(self, seen: Observation) -> Contacts | None:
        """None where they were not asked for, or the object's pose is unknown."""
        if not self._config.contacts or seen.view.mirrored or not np.isfinite(seen.points).all():
            return None
        pose, distance = seen.lifted.object_pose, self._config.contact_distance
        return find_contacts(seen.lifted.hand, self._finger_labels, pose, grid_of(seen.model), distance)

    def _chosen_object(self, detected: str) -> tuple[str, str]:
        """The object's id, or the reason why there is none."""
        known = sorted(self._weights.objects)
        wanted = self._config.object_id or detected or (known[0] if len(known) == 1 else "")
        if wanted in self._weights.objects:
            return wanted, ""
        if not wanted:
            return "", f"no object chosen; the weights know: {', '.join(known)}"
        return "", str(self._unknown(wanted))

    def _check_object(self, object_id: str) -> None:
        if object_id and object_id not in self._weights.objects:
            raise self._unknown(object_id)

    def _unknown(self, object_id: str) -> UnknownObjectError:
        return UnknownObjectError(object_id, list(self._weights.objects), f"the weights '{self._weights.name}'")


def _sureness(seen: Observation | NothingSeen) -> float:
    return -1.0 if isinstance(seen, NothingSeen) else seen.confidence()


def _box(crop: CropBox | None) -> Box | None:
    return None if crop is None else Box(crop.x, crop.y, crop.x + crop.side, crop.y + crop.side)
