"""Rendered samples as the frames of a benchmark."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.benchmark.frames import BenchmarkFrame, least_seen, true_box
from hand_object_pose_training.shards import ShardedSamples


class RenderedFrames:
    """Those of a directory of shards: crops of scenes of their own, each a sequence by itself."""

    def __init__(self, samples: ShardedSamples, catalogue: Mapping[str, ObjectModel]) -> None:
        """``catalogue``: the objects of the samples."""
        self._samples, self._catalogue = samples, catalogue
        self.hand, self.listed = default_hand(), len(samples)
        self.scenes: Mapping[str, int] = {}
        self.left_out: Counter[str] = Counter()

    def frames(self) -> Iterator[BenchmarkFrame]:
        """See ``FrameSource``."""
        for place in range(self.listed):
            sample = self._samples[place]
            camera = Camera(sample.camera_matrix.astype(np.float64), *sample.image.shape[1::-1])
            model = self._catalogue[sample.object_name]
            parts = (sample.hand_vertices, sample.joints, sample.object_pose)
            truth = PosedFrame(*(part.astype(np.float64) for part in parts))
            assert truth.joints is not None
            yield BenchmarkFrame(
                place,
                f"{place}",
                f"{place}",
                0,
                camera,
                "right",
                model,
                truth,
                truth.joints[0],
                true_box(camera, truth, model, None),
                least_seen(camera, truth, model, self.hand.faces),
                partial(np.copy, sample.image),
                lambda: None,
            )
