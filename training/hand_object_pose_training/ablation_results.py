"""What was measured of one variant, trained with one seed: a small JSON file beside the run's state."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError

FORMAT = "hand_object_pose ablation result"
COLUMNS = {
    "hand.mje_cm": "hand MJE (cm)",
    "hand.mme_cm": "hand MME (cm)",
    "object.mme_cm": "object MME (cm)",
    "object.add_s_cm": "object ADD-S (cm)",
    "object.rotation_deg": "rotation (degrees)",
    "object.translation_cm": "translation (cm)",
    "interaction.pd_mm": "PD (mm)",
}
"""The errors that are compared, and how the table calls them."""


class DamagedResultError(UserError):
    """A result file that cannot be read; it can be made anew from the run."""


@dataclass(frozen=True)
class AblationResult:
    """One variant, one seed.

    Attributes:
        variant: see ``network.config.VARIANTS``; seed: of initial weights, order of samples and crops.
        settings: what runs of one table share, as text; device: where it was trained, in words.
        parameters: of the network that runs at inference; seconds: of training.
        held_out: samples the errors were measured on; errors: means by the names of ``validation.validate``.
    """

    variant: str
    seed: int
    settings: dict[str, str]
    device: str
    parameters: int
    seconds: float
    held_out: int
    errors: dict[str, float]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write it whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UserError(f"{path}: could not be written ({error}); free some space") from error
    finally:
        partial.unlink(missing_ok=True)


def read_begun(path: Path) -> dict[str, str] | None:
    """The settings that a run was begun with; None where it was not, or before they were written.

    Raises:
        UserError: it is something else.
    """
    if not path.exists():
        return None
    try:
        return {str(name): str(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: expected the settings of a run ({error}); delete its directory") from error


def write_result(path: Path, result: AblationResult) -> None:
    """Write one result; raises as ``write_json``."""
    write_json(path, {"format": FORMAT, **asdict(result)})


def read_result(path: Path) -> AblationResult | None:
    """The result of a file, None where there is no such file.

    Raises:
        DamagedResultError: it is not what ``write_result`` writes.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError("another kind of file")
        result = AblationResult(**content)
        return replace(
            result,
            settings=dict(result.settings),
            errors={**result.errors, **{name: float(result.errors[name]) for name in COLUMNS}},
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedResultError(f"{path}: expected a result of an ablation, found a damaged file ({error})") from error
