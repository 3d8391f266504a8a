"""From one frame to hand, object and contacts in metres: everything around the network."""

from dataclasses import dataclass, replace

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.association import assigned
from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_object_interaction import HandObjectInteraction
from hand_object_pose.estimation.looking import Looking, NothingSeen, Sight
from hand_object_pose.estimation.object_choice import check_object, chosen_object
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.own_boxes import OwnBoxes
from hand_object_pose.estimation.pose_uncertainty import pose_covariance
from hand_object_pose.estimation.region_of_interest import Region, neighbours
from hand_object_pose.estimation.result import Box, FrameResult, HandObjectEstimate
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.estimation.track import Track
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox


@dataclass(frozen=True)
class _Task:
    """What is to be done for one track: what it is shown, where it looks, for which object; or why it does not."""

    track: Track
    frame: Frame
    region: Region
    sight: Sight | None
    problem: str = ""


class Estimator:
    """Estimates hands with their objects in each frame of a stream. Not thread-safe: one worker calls it."""

    def __init__(self, backend: Backend, config: EstimatorConfig | None = None) -> None:
        """Prepare with a backend that runs the weights, and settings.

        Raises:
            UnknownObjectError: the weights do not know the configured object.
            UserError: the built-in detector is wanted and cannot be loaded.
        """
        self._backend = backend
        self._weights = backend.weights
        self._last_number = 0
        self._config = config or EstimatorConfig()
        check_object(self._weights, self._config.object_id)
        self._looking = Looking(backend, self._config)
        self._interaction = HandObjectInteraction(self._weights.hand, self._config)
        self._tracks = [Track(self._config)]
        self._camera: Camera | None = None
        self._own_boxes = OwnBoxes()
        self._own_boxes.set_wanted(self._config.roi_mode == "auto")

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
            UserError: the built-in detector is wanted and cannot be loaded; the settings stay as they were.
        """
        check_object(self._weights, config.object_id)
        self._own_boxes.set_wanted(config.roi_mode == "auto")
        self._tracks = self._tracks[: config.most_tracks]
        for track in self._tracks:
            track.set_config(config)
        self._config = config
        self._looking.set_config(config)
        self._interaction.set_config(config)

    def set_object(self, object_id: str) -> None:
        """Look for another object; empty: by detection.

        Raises:
            UnknownObjectError: the weights do not know it.
        """
        self.set_config(replace(self._config, object_id=object_id))

    def reset(self) -> None:
        """Forget the tracks and their objects, as after a jump of the clock."""
        self._tracks = self._tracks[:1]
        self._tracks[0].reset()

    def prepare(self) -> None:
        """Do now what would delay the first frame: run the network once, compute distance grids and surfaces."""
        model, _ = chosen_object(self._weights, self._config.object_id, "")
        models = list(self._weights.objects.values()) if model is None else [model]
        size = self._weights.lixels.image_size
        self._backend.run(np.zeros((1, 3, size, size), np.float32), models[:1])
        self._interaction.prepare(models)

    def process(self, frame: Frame) -> FrameResult:
        """Everything estimated from one frame.

        At least one pair; the reason of each says in words why it is not valid, if so.
        """
        timer, config = StageTimer(), self._config
        with timer.stage("total"):
            self._follow_camera(frame.camera)
            if not any(track.is_sure(frame.stamp) for track in self._tracks):
                frame = self._own_boxes.added(frame, timer)
            shown = assigned(self._tracks, frame, config.most_tracks, config.margin, lambda: Track(config))
            pairs = self._estimates([self._task(track, view) for track, view in shown], timer)
            with timer.stage("smoothing"):
                models = self._weights.objects
                pairs = [
                    track.smoother.refine(frame.stamp, pair, models)
                    for (track, _), pair in zip(shown, pairs, strict=True)
                ]
            self._tracks = [track for track in self._tracks if track.expected(frame.stamp)] or self._tracks[:1]
        return FrameResult(pairs, timer.seconds)

    def process_alone(self, frame: Frame, config: EstimatorConfig) -> FrameResult:
        """The same with other settings and apart from the stream; may be called from another thread.

        Raises:
            UnknownObjectError: the weights do not know the configured object.
        """
        return Estimator(self._backend, config).process(frame)

    def _follow_camera(self, camera: Camera) -> None:
        """Tracks are in pixels: another resolution, or another window of the image, must not lose them."""
        before, self._camera = self._camera, camera
        if before is not None and not np.array_equal(before.matrix, camera.matrix):
            for track in self._tracks:
                track.change_camera(before, camera)

    def _task(self, track: Track, frame: Frame) -> _Task:
        region = track.propose(frame)
        model, problem = chosen_object(self._weights, self._config.object_id, frame.object_id or track.object_name)
        if region.crop is None or model is None:
            return _Task(track, frame, region, None, region.reason or problem)
        side = track.side or self._config.hand_side
        sight = Sight(frame, region.crop, model, side, track.object_fit)
        return _Task(track, frame, region, sight)

    def _estimates(self, tasks: list[_Task], timer: StageTimer) -> list[HandObjectEstimate]:
        """The pair of each task; the network is evaluated once for all of them."""
        sights = [task.sight for task in tasks if task.sight is not None]
        looks = iter(self._looking.look(sights, timer))
        return [self._estimate(task, next(looks) if task.sight else NothingSeen(task.problem), timer) for task in tasks]

    def _estimate(self, task: _Task, seen: Observation | NothingSeen, timer: StageTimer) -> HandObjectEstimate:
        seen = self._best_look(task, seen, timer)
        if isinstance(seen, NothingSeen):
            return self._nothing(task, seen)
        task.track.object_fit.keep(task.frame.stamp, seen.model, seen.lifted.object_pose, seen.object_residual)
        with timer.stage("uncertainty"):
            covariance = pose_covariance(seen)
        if self._config.refinement:
            with timer.stage("refinement"):
                seen = self._interaction.refined(seen)
        pair = self._judged(task, seen, covariance)
        with timer.stage("contacts"):
            return self._interaction.added(pair, seen, task.track.grasps, task.frame.stamp)

    def _best_look(self, task: _Task, seen: Observation | NothingSeen, timer: StageTimer) -> Observation | NothingSeen:
        """The look at the region; where it leaves doubts about a tracked one, the surest of it and its neighbours.

        A square a little off its place can be enough for a hand to be misread, and the track then follows the mistake.
        """
        if task.sight is None or task.region.source != "tracking" or _sureness(seen) >= self._config.doubt_below:
            return seen
        others = [replace(task.sight, crop=crop) for crop in neighbours(task.sight.crop)]
        return max([seen, *self._looking.look(others, timer)], key=_sureness)

    def _judged(self, task: _Task, seen: Observation, covariance: FloatArray | None) -> HandObjectEstimate:
        """The pair without contacts; the track learns whether it may be followed."""
        track, region, sure = task.track, task.region, seen.confidence()
        reason = self._objection(seen.points, sure)
        continued = track.continues(region, task.frame.stamp)
        track.follow(task.frame, seen, valid=not reason)
        if not reason and not continued:
            self._last_number += 1
            track.number = self._last_number
        return HandObjectEstimate(
            track.number,
            not reason,
            reason,
            sure,
            seen.hand(),
            seen.object(covariance),
            box=_box(seen.view.crop),
            tracked=not reason and continued,
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

    def _nothing(self, task: _Task, seen: NothingSeen) -> HandObjectEstimate:
        task.track.miss()
        region = task.region
        return HandObjectEstimate(
            task.track.number,
            False,
            seen.reason,
            0.0,
            box=_box(region.crop),
            roi_source=region.source,
            root_depth_source=seen.root_source,
        )


def _sureness(seen: Observation | NothingSeen) -> float:
    return -1.0 if isinstance(seen, NothingSeen) else seen.confidence()


def _box(crop: CropBox | None) -> Box | None:
    return None if crop is None else Box(crop.x, crop.y, crop.x + crop.side, crop.y + crop.side)
