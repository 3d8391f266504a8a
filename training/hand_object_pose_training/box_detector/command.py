"""``hand-object-train detector``: render, train, measure, export."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from hand_object_pose.estimation.box_detector import (
    INPUT_HEIGHT,
    INPUT_NAME,
    INPUT_WIDTH,
    OUTPUT_NAMES,
    BoxDetector,
    best_boxes,
    network_input,
)
from hand_object_pose.estimation.weights_file import file_hash
from hand_object_pose_training.box_detector.augmentation import unchanged
from hand_object_pose_training.box_detector.card import detector_card
from hand_object_pose_training.box_detector.config import DetectorConfig
from hand_object_pose_training.box_detector.frames import LabelledFrames, batches, rendered_frames
from hand_object_pose_training.box_detector.measuring import ClassResult, measured
from hand_object_pose_training.box_detector.network import BoxNetwork, ExportedBoxNetwork
from hand_object_pose_training.box_detector.trainer import DetectorTrainer

_OPSET = 18
# Keeps the held-out frames apart from those trained on, whatever the seed.
_HELD_OUT_STREAM = 88_001


def train_detector(config: DetectorConfig) -> dict[str, ClassResult]:
    """Do what is not done yet, and return the results on held-out frames.

    Raises:
        UserError: the directory holds a training of other settings.
    """
    frames = rendered_frames(config.out / "frames", config.frames, config.shard_size, config.seed)
    trainer = DetectorTrainer(config, frames)
    trainer.run()
    stream = config.seed + _HELD_OUT_STREAM
    held_out = rendered_frames(config.out / "held_out", config.held_out_frames, config.shard_size, stream)
    export_detector(trainer.network, config.weights)
    results = measure_detector(config.weights, held_out)
    begun = f"the last {trainer.step} of them begun with the network of the first {trainer.steps_before}"
    # What the file says of itself is part of it.
    provenance = {
        "data": f"{len(frames)} rendered frames of the default hand and the default objects",
        "steps": f"{trainer.steps_before + trainer.step} steps of {config.batch_size} images",
        "lineage": begun if trainer.steps_before else "",
        "minutes": f"{trainer.seconds / 60:.0f}",
        "held_out": json.dumps({name: vars(result) for name, result in results.items()}),
    }
    add_provenance(config.weights, provenance)
    if config.card is not None:
        config.card.write_text(detector_card(provenance, results, file_hash(config.weights)))
    return results


def measure_detector(weights: Path, held_out: LabelledFrames) -> dict[str, ClassResult]:
    """Results of an exported detector on frames, with the score that counts in use."""
    session = onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
    shrunk = unchanged(held_out)

    def found_in(images: NDArray[np.uint8]) -> tuple[NDArray, NDArray]:
        return best_boxes(*session.run(list(OUTPUT_NAMES), {INPUT_NAME: network_input(images)}))

    found = [found_in(batch.images) for batch in batches(shrunk, 50)]
    boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return measured(boxes, scores, shrunk.boxes, shrunk.present, BoxDetector.LEAST_SCORE)


def export_detector(network: BoxNetwork, path: Path) -> None:
    """Write the network as ONNX; the number of images stays free."""
    example = torch.rand(2, 3, INPUT_HEIGHT, INPUT_WIDTH)
    program = torch.onnx.export(
        ExportedBoxNetwork(network).eval(),
        (example,),
        input_names=[INPUT_NAME],
        output_names=list(OUTPUT_NAMES),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        opset_version=_OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        # Where in the program each node comes from would be a third of the file.
        del node.metadata_props[:]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def add_provenance(path: Path, provenance: dict[str, str]) -> None:
    """Write what a detector was made of into its file."""
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, provenance)
    onnx.save(model, str(path))
