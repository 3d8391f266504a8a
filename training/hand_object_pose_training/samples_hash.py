"""What a run reads, by content, so that a resumed run cannot go on with other samples of the same number."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from hand_object_pose_training.content_hash import content_hash
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.training_data import is_index
from hand_object_pose_training.train_config import TrainConfig

# Of an index's header, what may change when a dataset is moved and prepared again.
_PLACES = frozenset({"root", "models", "mano"})

NOT_READ = "None"
"""In place of a hash, of a setting whose files a run does not read."""


def samples_hash(samples: Path) -> str:
    """SHA-256 (hex) of the samples of a directory of shards or of a prepared index, wherever they lie.

    Of an index these are the annotations; the images are not read.

    Raises:
        UserError: an index that cannot be read; OSError: a shard that cannot.
    """
    if is_index(samples):
        return _index_hash(PreparedIndex(samples))
    hashes = [content_hash(path) for path in sorted(samples.glob("*.safetensors"))]
    return hashlib.sha256(" ".join(hashes).encode()).hexdigest()


def contents(config: TrainConfig) -> dict[str, str]:
    """Hashes of what a run reads by setting, or ``NOT_READ``; raises as ``samples_hash``."""
    grasps = config.grasps if config.mixture.grasps > 0 else None
    backgrounds = config.backgrounds if config.mixture.is_mixed else None
    return {
        "shards": samples_hash(config.shards),
        "validation_shards": samples_hash(config.validation_shards),
        "rehearse": NOT_READ if config.rehearse is None else samples_hash(config.rehearse),
        "grasps": NOT_READ if grasps is None else content_hash(grasps),
        "backgrounds": NOT_READ if backgrounds is None else content_hash(backgrounds),
    }


def _index_hash(index: PreparedIndex) -> str:
    header = {name: value for name, value in asdict(index.header).items() if name not in _PLACES}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in index.columns:
        values = index.column(name)
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
