"""Settings of ``hand-object-train detector``."""

from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.estimation.box_detector import DEFAULT_WEIGHTS

STORED_WIDTH, STORED_HEIGHT = 240, 180
"""Stored images are larger than the network's input, so that they can be moved and scaled."""


@dataclass(frozen=True)
class DetectorConfig:
    """One training.

    Attributes:
        out: directory of everything that is made; the same command goes on from what is there.
        weights: the ONNX file to write.
        card: the page about it to write (Markdown), if any.
        frames: rendered images to learn from.
        held_out_frames: rendered images to measure on.
        shard_size: images a file.
        steps: of the optimizer.
        batch_size: images a step.
        learning_rate: at its highest; it falls along a cosine to a hundredth.
        warmup_steps: over which the learning rate rises.
        seed: of images and training.
        start_from: state of another run (``state.pt``), whose network to begin with.
    """

    out: Path
    weights: Path = DEFAULT_WEIGHTS
    card: Path | None = None
    frames: int = 5000
    held_out_frames: int = 500
    shard_size: int = 250
    steps: int = 1800
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    seed: int = 0
    start_from: Path | None = None
