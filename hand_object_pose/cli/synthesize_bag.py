"""``hand-object-pose synthesize-bag``: a synthetic handover as a rosbag2."""

from pathlib import Path

from hand_object_pose.cli.numbers import check_range
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import catalogue_of
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds
from hand_object_pose.synthetic.bag_writer import BagConfig, write_sequence_bag


def run(
    out: Path,
    seed: int = 1,
    object: str | None = None,
    frames: int = 0,
    rate: float = 1.0,
    compressed: bool = False,
    workers: int = 2,
    backgrounds: Path | None = None,
    objects: Path | None = None,
) -> None:
    """Write a synthetic handover with its ground truth as a rosbag2 (MCAP).

    Args:
        out: the new bag's directory.
        seed: another number is another sequence.
        object: its name; chosen by the seed unless given.
        frames: how many frames; 0 means the whole sequence, about eleven seconds at 30 Hz.
        rate: detections a second; 0 writes none.
        compressed: JPEG and PNG instead of raw images.
        workers: rendering processes; 0 renders in this one.
        backgrounds: directory of pictures to lie behind the scene, subdirectories included; procedural ones unless
            given.
        objects: directory of a catalogue of your own; the default objects unless given.
    """
    check_range("--seed", seed, 0)
    check_range("--frames", frames, 0)
    check_range("--rate", rate, 0)
    check_range("--workers", workers, 0)
    config = BagConfig(
        frames=frames,
        detection_rate=rate,
        compressed=compressed,
        workers=workers,
        backgrounds=PictureBackgrounds(backgrounds) if backgrounds is not None else None,
    )
    catalogue = catalogue_of(objects)
    if object is not None:
        catalogue[object]  # an unknown name is refused here, with the list of known ones
    sequence = write_sequence_bag(out, seed, default_hand(), catalogue, object, config)
    count = min(frames or sequence.num_frames, sequence.num_frames)
    print(f"{out}: {count} frames of a handover of the {sequence.model.name}")
