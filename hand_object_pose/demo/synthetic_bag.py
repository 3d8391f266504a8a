"""The synthetic bag of a seed, written once and reused while its settings are the same."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.errors import UserError

_SETTINGS = "settings.json"
# Raise when what is written changes, so that older bags are not taken for current ones.
_FORMAT = 1


def synthetic_bag(config: DemoConfig) -> Path:
    """The bag's directory; rendering takes about a quarter of a minute on two cores.

    Raises:
        UserError: what renders scenes is not installed.
    """
    try:
        from hand_object_pose.hand.default_hand import default_hand
        from hand_object_pose.objects.catalogue import catalogue_of
        from hand_object_pose.synthetic.bag_writer import BagConfig, write_sequence_bag
    except ImportError as error:
        raise UserError(
            f"synthetic scenes cannot be rendered here ({error}); pip install 'hand_object_pose[synthesis]', "
            "or give a bag of your own with --bag"
        ) from error
    hand, catalogue = default_hand(), catalogue_of(config.objects)
    if config.object_id:
        catalogue[config.object_id]  # an unknown name is refused here, with the list of known ones
    meshes = {"hand": hand.hash, **{name: catalogue[name].hash for name in catalogue}}
    settings = {
        "format": _FORMAT,
        "seed": config.seed,
        "object": config.object_id,
        "frames": config.frames,
        "compressed": config.compressed,
        "meshes": meshes,
        "renderer": _renderer_hash(),
    }
    folder = config.out / "bag"
    path = folder / "sequence"
    if _is_current(folder, settings):
        print(f"synthetic bag: {path} is there already")
        return path
    shutil.rmtree(folder, ignore_errors=True)
    bag_config = BagConfig(frames=config.frames, compressed=config.compressed)
    write_sequence_bag(path, config.seed, hand, catalogue, config.object_id or None, bag_config)
    # Last, so that an interrupted bag is never taken for a whole one.
    (folder / _SETTINGS).write_text(json.dumps(settings, indent=1) + "\n")
    return path


def _is_current(folder: Path, settings: dict[str, Any]) -> bool:
    try:
        return json.loads((folder / _SETTINGS).read_text()) == settings
    except (OSError, ValueError):
        return False


def _renderer_hash() -> str:
    """SHA-256 of the modules that make a sequence: another version of them makes another bag."""
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).resolve().parent.parent / "synthetic").glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
