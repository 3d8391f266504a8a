"""What a training reads, rendered shards or a prepared index, and the hand and the objects that belong to it."""

import json
from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.catalogue import chosen_objects
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.index import SUFFIX, PreparedIndex
from hand_object_pose_training.datasets.prepared_samples import PreparedSamples, StoredCrop, index_catalogue
from hand_object_pose_training.shards import ShardedSamples

_RECORD = "training_data.json"
# Stored crops are that much wider than network inputs, as rendered shards of 176 pixels are for inputs of 128.
STORED_SHARE = 1.375


@dataclass(frozen=True)
class TrainingData:
    """The hand model and the objects, by name, that a training needs for its samples."""

    hand: HandModel
    catalogue: dict[str, ObjectModel]

    @classmethod
    def of(cls, samples: Path, objects: Path | None = None) -> "TrainingData":
        """Of a prepared index: what it was prepared with; of a directory of shards: the default hand and ``objects``.

        ``objects`` is the directory of a catalogue; the default objects if None.

        Raises:
            UserError: the index cannot be read, or its hand or objects are no longer what they were.
        """
        if not is_index(samples):
            return cls(default_hand(), chosen_objects(objects))
        index = PreparedIndex(samples)
        return cls(index.hands().right, index_catalogue(index))

    @classmethod
    def of_run(cls, run: Path) -> "TrainingData":
        """Of a run that ``remember`` was called for; of others the default hand and objects."""
        record = run / _RECORD
        if not record.is_file():
            return cls.of(run)
        said = json.loads(record.read_text())
        return cls.of(Path(said["samples"]), Path(said["objects"]) if said.get("objects") else None)


def remember(run: Path, samples: Path, objects: Path | None = None) -> None:
    """Write into a run's directory what it is trained on."""
    run.mkdir(parents=True, exist_ok=True)
    said = {"samples": str(samples.absolute()), "objects": None if objects is None else str(objects.absolute())}
    (run / _RECORD).write_text(json.dumps(said) + "\n")


def is_index(samples: Path) -> bool:
    """Whether a path names a prepared index, not a directory of shards."""
    return samples.suffix == SUFFIX


def open_samples(
    samples: Path, image_size: int, hand: HandModel, catalogue: dict[str, ObjectModel]
) -> ShardedSamples | PreparedSamples:
    """The samples of a directory of shards or of a prepared index.

    Args:
        samples: a directory, or an index file.
        image_size: of the network's input, pixels.
        hand: that the network has; catalogue: objects it knows. An index's frames of other objects are left out.

    Raises:
        UserError: there are none, they show other objects, or the index was prepared with another hand.
    """
    if not is_index(samples):
        shards = ShardedSamples(samples)
        shards.require_objects(catalogue)
        return shards
    index = PreparedIndex(samples)
    if index.header.hand_hash != hand.hash:
        raise UserError(
            f"{samples}: prepared with hand model '{index.header.hand}' ({index.header.hand_hash[:12]}), expected "
            f"'{hand.name}' ({hand.hash[:12]}); prepare all datasets of a run with the same --mano"
        )
    return PreparedSamples(index, catalogue, StoredCrop(round(STORED_SHARE * image_size)))
