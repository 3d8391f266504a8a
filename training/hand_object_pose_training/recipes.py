"""The paper's training (sections 4.1 and 4.3) as settings of ``TrainConfig``."""

from typing import Any

from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.mixture import MixtureShares
from hand_object_pose_training.schedule import ScheduleConfig

PAPER_DEXYCB: dict[str, Any] = {
    "preset": "paper",
    "epochs": 25,
    "batch_size": 24,
    # After 10 and 20 of 25 epochs.
    "schedule": ScheduleConfig(learning_rate=1e-4, decay=0.1, milestones=(0.4, 0.8)),
    "weights": LossWeights(
        mesh=1.0, edge=1.0, normal=1.0, rotation=10.0, translation=10.0, joint=1.0, silhouette=100.0, finger=100.0
    ),
}
"""Adam, its learning rate, the batch, the length, and the lambdas of equation 25."""

PAPER_HO3D: dict[str, Any] = {**PAPER_DEXYCB, "mixture": MixtureShares(real=0.45, views=0.45, grasps=0.1)}
"""The same with rendered images beside the real ones."""
