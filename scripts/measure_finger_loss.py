"""What the finger rendering loss costs: processor time of one core, forward and backward, a sample.

By PyTorch alone, and by PyTorch3D where it can be imported.
"""

import time

import numpy as np
import torch
import tyro
from run_script import run_script

from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose_training.finger_loss import face_parts, finger_loss
from hand_object_pose_training.rasteriser import SoftRenderConfig, has_pytorch3d

_IMAGE_SIZE = 128


def measure(samples: int = 8, repetitions: int = 2, seed: int = 0) -> None:
    """Print a line for each rasteriser.

    Args:
        samples: hands in a batch.
        repetitions: batches, after one that is not counted.
        seed: of the hands' poses.
    """
    torch.set_num_threads(1)
    for backend in ("torch", "pytorch3d") if has_pytorch3d() else ("torch",):
        seconds = _seconds_a_sample(SoftRenderConfig(backend=backend), samples, repetitions, seed)
        print(f"{backend}: {1000 * seconds:.0f} ms of a core for a sample")


def _seconds_a_sample(config: SoftRenderConfig, samples: int, repetitions: int, seed: int) -> float:
    hand, rng = default_hand(), np.random.default_rng(seed)
    away = np.tile([0.0, 0.0, 0.5], (samples, 1))
    meshes = [ManoLayer(hand)(rng.normal(0, 0.3, (samples, 48)), translation=away).vertices for _ in range(2)]
    predicted, truth = (torch.tensor(mesh, dtype=torch.float32) for mesh in meshes)
    matrix = torch.tensor([[300.0, 0, 64], [0, 300.0, 64], [0, 0, 1]]).expand(samples, 3, 3)
    faces, parts = torch.tensor(hand.faces, dtype=torch.long), face_parts(hand)
    start = 0.0
    for repetition in range(repetitions + 1):
        if repetition == 1:
            start = time.process_time()
        moving = predicted.clone().requires_grad_()
        finger_loss(moving, truth, matrix, _IMAGE_SIZE, faces, parts, config).sum().backward()
    return (time.process_time() - start) / repetitions / samples


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
