"""Objects as a mirror shows them, which a network meets where left hands were mirrored."""

from collections.abc import Mapping

import numpy as np

from hand_object_pose.estimation.mirroring import MIRROR, mirror_points, mirror_pose
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose_training.datasets.frame import MIRRORED


def mirrored_object(model: ObjectModel) -> ObjectModel:
    """The template M V with faces turned round, so that they show their outside; symmetries become M S M.

    A mirrored vertex keeps its number. There is no visual mesh.
    """
    symmetries = model.symmetries
    return ObjectModel(
        name=model.name + MIRRORED,
        vertices=mirror_points(model.vertices),
        faces=np.ascontiguousarray(model.faces[:, ::-1]),
        symmetries=Symmetries(
            discrete=np.stack([mirror_pose(pose) for pose in symmetries.discrete]),
            axes=symmetries.axes @ MIRROR,
            axis_points=symmetries.axis_points @ MIRROR,
        ),
    )


def with_mirrored(catalogue: Mapping[str, ObjectModel]) -> dict[str, ObjectModel]:
    """The catalogue and the mirror image of each of its objects."""
    mirrored = [mirrored_object(model) for model in catalogue.values()]
    return {**catalogue, **{model.name: model for model in mirrored}}
