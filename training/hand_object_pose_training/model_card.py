"""The model card: what a weights file says about itself, as a page that people read."""

from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.weights_file import load_weights_info

_ERROR_NAMES = {
    "hand.mje_cm": "hand, mean joint error, both wrists at the origin (cm)",
    "hand.mme_cm": "hand, mean vertex error, both wrists at the origin (cm)",
    "object.add_s_cm": "object, ADD-S from truth to prediction (cm)",
    "object.mce_cm": "object, mean corner error of boxes along the camera's axes (cm)",
    "object.rotation_deg": "object, rotation, symmetries taken into account (degrees)",
    "object.translation_cm": "object, translation (cm)",
}


@dataclass(frozen=True)
class CardConfig:
    """Which weights to describe.

    Attributes:
        weights: a .safetensors file.
        out: the page to write (Markdown).
    """

    weights: Path
    out: Path


def write_model_card(config: CardConfig) -> None:
    """Write the page from the file's metadata alone."""
    config.out.write_text(model_card(load_weights_info(config.weights)))


def model_card(weights: WeightsInfo) -> str:
    """The page of a weights file."""
    said = weights.provenance
    lines = [
        f"# Model card: {weights.name}",
        "",
        "**These weights know synthetic scenes only.** They were trained and measured on rendered pictures of the",
        "objects and the hand listed here. They have never seen a photograph; nothing is claimed for a real camera.",
        "",
        f"* network: preset `{weights.preset}`, input {weights.lixels.image_size} pixels square",
        f"* hand model: `{weights.hand.name}` ({weights.hand.side}), hash `{weights.hand.hash[:16]}`",
        f"* objects: {', '.join(f'`{name}`' for name in sorted(weights.objects))}; any other is refused",
        f"* data: {said.get('data', 'not stated')}",
        f"* training: {said.get('steps', '?')} steps of {said.get('batch_size', '?')} samples,"
        f" {said.get('minutes', '?')} minutes on {said.get('device') or 'a device that was not recorded'}",
        *([f"* {said['lineage']}"] if said.get("lineage") else []),
        f"* SHA-256: `{weights.hash}`",
        "",
        f"Errors on {said.get('held_out_samples', '?')} held-out scenes (own poses, textures, cameras and backgrounds;"
        " grasps from the training library), true box and true wrist depth given, the object placed at the estimated"
        " wrist:",
        "",
        "| error | mean |",
        "|---|---|",
    ]
    lines += [f"| {text} | {said[name]} |" for name, text in _ERROR_NAMES.items() if name in said]
    return "\n".join([*lines, "", "Written by `hand-object-train card` from the metadata of the weights file.", ""])
