"""The page about the built-in detector."""

from collections.abc import Mapping

from hand_object_pose.estimation.box_detector import INPUT_HEIGHT, INPUT_WIDTH, BoxDetector
from hand_object_pose_training.box_detector.measuring import ClassResult


def detector_card(provenance: Mapping[str, str], results: Mapping[str, ClassResult], file_hash: str) -> str:
    """The page, in Markdown."""
    size = f"{INPUT_WIDTH} x {INPUT_HEIGHT}"
    lines = [
        "# Model card: the built-in detector",
        "",
        "**This detector knows synthetic scenes only.** It was trained and measured on rendered pictures of one hand",
        "model and six objects before painted backgrounds. It has never seen a photograph; nothing is claimed for a",
        "real camera. There, publish `detections` from a detector of your own.",
        "",
        "It finds one hand and one object in a whole image, for `roi.mode: auto` to begin a track with. It does not",
        "tell left hands from right ones, nor one object from another.",
        "",
        f"* network: a convolutional one of ours, input {size} pixels, about 0.4 million parameters",
        f"* data: {provenance['data']}; of ten frames seven show both, one the hand alone, one an object alone,"
        " one neither; half of them mirrored",
        f"* training: {provenance['steps']}, {provenance['minutes']} minutes on a core that others used, too",
        *([f"* {provenance['lineage']}"] if provenance.get("lineage") else []),
        f"* SHA-256: `{file_hash}`",
        "",
        "On held-out frames (own poses, looks, cameras and backgrounds; grasps from the training library). A box",
        f"counts as found from a score of {BoxDetector.LEAST_SCORE:g} on. True boxes are of the whole hand and object,",
        "hidden parts included.",
        "",
        "| | frames with it | found (%) | overlap (IoU), mean / median | overlap of 0.5 or more (%) |"
        " frames without it | found there (%) | frames with neither | found there (%) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        lines.append(
            f"| {name} | {result.shown} | {100 * result.found:.1f} | {result.mean_overlap:.2f} /"
            f" {result.median_overlap:.2f} | {100 * result.well_found:.1f} | {result.absent} |"
            f" {100 * result.false_alarms:.1f} | {result.empty} | {100 * result.empty_alarms:.1f} |"
        )
    return "\n".join([*lines, "", "Written by `hand-object-train detector`.", ""])
