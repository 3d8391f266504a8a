"""What a run trains on, by content, so that a resumed run cannot go on with other samples of the same number."""

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
    """Hashes of a run's samples by setting, "None" for what it does not train on; raises as ``samples_hash``."""
    grasps = config.grasps if config.mixture.grasps > 0 else None
    return {
        "shards": samples_hash(config.shards),
        "rehearse": "None" if config.rehearse is None else samples_hash(config.rehearse),
        "grasps": "None" if grasps is None else content_hash(grasps),
    }


def _index_hash(index: PreparedIndex) -> str:
    header = {name: value for name, value in asdict(index.header).items() if name not in _PLACES}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in index.columns:
        values = index.column(name)
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
