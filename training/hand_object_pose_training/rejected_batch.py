"""The batch whose loss is no number, on disk for inspection."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from hand_object_pose.errors import UserError
from hand_object_pose.tensor_files import write_tensors
from hand_object_pose_training.samples import Batch


def save_rejected_batch(
    path: Path, batch: Batch, terms: Mapping[str, Tensor], samples: Sequence[tuple[int, ...]]
) -> None:
    """Write a batch as safetensors: the fields of ``Batch``; in the metadata its weighted terms and samples.

    Args:
        path: of the file, which appears only when it is complete.
        batch: of one process; terms: its weighted loss terms; samples: the sampler's keys, which end with the epoch
            and the index of the sample.

    Raises:
        UserError: it cannot be written.
    """
    metadata = {
        "terms": json.dumps({name: repr(value.item()) for name, value in terms.items()}),
        "samples": json.dumps([list(key) for key in samples]),
    }
    try:
        write_tensors(path, {name: value.detach().cpu().numpy() for name, value in vars(batch).items()}, metadata)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: the batch could not be written for inspection ({error})") from error
