"""A recording for the viewer of Rerun (rerun.io), which an evaluation writes on request."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.evaluation.drawing.jpeg import encode_jpeg
from hand_object_pose.evaluation.drawing.overlay import MESH_COLOURS
from hand_object_pose.evaluation.report.shown_frames import MESHES
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.replay.scored_frame import ScoredFrame
from hand_object_pose.replay.watchers import BagFacts

TIMELINE = "stamp"
_CAMERA = "world/camera"


class RerunRecording:
    """Writes a recording, times being the images' stamps.

    Args:
        path: the new file; facts: see there.
    """

    def __init__(self, path: Path, facts: BagFacts) -> None:
        self._rerun: Any = import_module("rerun")
        self._facts = facts
        self._camera: Camera | None = None
        self._stream = self._rerun.RecordingStream("hand_object_pose", recording_id=str(path.resolve()))
        self._stream.save(path)
        self._stream.log("world", self._rerun.ViewCoordinates.RDF, static=True)

    def see(self, frame: Frame | None, result: FrameResult | None, scored: ScoredFrame) -> None:
        """See ``FrameSink``."""
        self._stream.set_time(TIMELINE, timestamp=np.datetime64(scored.record.stamp_ns, "ns"))
        for name, value in scored.record.values.items():
            self._stream.log(f"metrics/{name.replace('.', '/')}", self._rerun.Scalars(value))
        if frame is None or result is None:
            return
        self._log_camera(frame.camera)
        picture = self._rerun.EncodedImage(contents=encode_jpeg(frame.image), media_type="image/jpeg")
        self._stream.log(f"{_CAMERA}/image", picture)
        self._log_meshes(self._facts.meshes(result, scored))

    def close(self) -> None:
        """Finish the file."""
        self._stream.disconnect()

    def _log_camera(self, camera: Camera) -> None:
        if camera is not self._camera:
            self._camera = camera
            pinhole = self._rerun.Pinhole(image_from_camera=camera.matrix, resolution=[camera.width, camera.height])
            self._stream.log(_CAMERA, pinhole)

    def _log_meshes(self, meshes: Mapping[str, TriangleMesh]) -> None:
        for name in MESHES:
            entity = f"world/{name.replace(' ', '_')}"
            if name not in meshes:
                self._stream.log(entity, self._rerun.Clear(recursive=False))
                continue
            mesh = meshes[name]
            shape = self._rerun.Mesh3D(
                vertex_positions=mesh.vertices, triangle_indices=mesh.faces, albedo_factor=MESH_COLOURS[name]
            )
            self._stream.log(entity, shape)
