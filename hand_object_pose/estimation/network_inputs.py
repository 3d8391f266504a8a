"""What backends feed the network besides the image."""

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.geometry.neighbours import neighbour_table, reference_neighbour_table, stack_tables
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES, ObjectModel


class ObjectInputs:
    """Templates and neighbour tables of a set of weights' objects, computed once each."""

    def __init__(self, weights: WeightsInfo) -> None:
        self._weights = weights
        self._build = reference_neighbour_table if weights.preset == "reference" else neighbour_table
        self._tables: dict[str, IntArray] = {}

    def __call__(self, objects: list[ObjectModel]) -> tuple[FloatArray, IntArray]:
        """Templates (B, 1000, 3) float32 and neighbours (B, 1000, K) int64.

        The templates are the given models', which may be mirrored; their edges are those of the weights' own.

        Raises:
            UnknownObjectError: the weights were not trained on one of them.
        """
        templates = np.stack([model.vertices for model in objects]).astype(np.float32)
        return templates, stack_tables([self._table(model) for model in objects])

    def _table(self, model: ObjectModel) -> IntArray:
        if model.name not in self._tables:
            self._tables[model.name] = self._build(self._weights.object(model.name).faces, NUM_OBJECT_VERTICES)
        return self._tables[model.name]
