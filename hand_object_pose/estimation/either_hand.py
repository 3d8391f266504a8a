"""The network's answers about hands of either side, as of the picture itself: after this, no side is special.

Weights know hands of one side, and objects as they are. A hand of the other side is shown to them in a mirror, where it
looks like one of their own; but a mirror shows another object. So the object is taken from the picture as it is, where
the network recognizes it, if not its hand. Both are looked at in the same evaluation.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.attention import AttendingBackend, AttentionMaps
from hand_object_pose.estimation.backend import Backend, LixelGeometry, NetworkOutput, WeightsInfo
from hand_object_pose.estimation.mirroring import mirror_lixels
from hand_object_pose.objects.object_model import ObjectModel


def run_for_either_hand(
    backend: Backend, images: FloatArray, objects: Sequence[ObjectModel], sides: Sequence[str]
) -> list[NetworkOutput]:
    """One answer of batch size 1 for each image, in its own coordinates; the network is evaluated once.

    Args:
        backend: runs the weights.
        images: crops (B, 3, S, S) as the camera shows them, RGB, float32 in [0, 1].
        objects: B objects, each from ``weights.objects``; sides: B times "right" or "left", the hand's.
    """
    own, geometry = backend.weights.hand.side, backend.weights.lixels
    others = [number for number, side in enumerate(sides) if side != own]
    shown = np.concatenate([images, images[others][..., ::-1]]) if others else images
    output = backend.run(shown, [*objects, *(objects[number] for number in others)])
    answers = [output.of(number) for number in range(len(images))]
    for place, number in enumerate(others, start=len(images)):
        answers[number] = _with_hand_of(output.of(place), answers[number], geometry)
    return answers


def attention_for_either_hand(
    backend: AttendingBackend, weights: WeightsInfo, image: FloatArray, model: ObjectModel, side: str
) -> AttentionMaps:
    """The maps of a crop (1, 3, S, S): what the hand receives where it was seen, and the object where it was.

    Raises:
        UserError: the network has none, or it cannot be had here.
    """
    if side == weights.hand.side:
        return backend.attention(image, [model])[0]
    plain, mirrored = backend.attention(np.concatenate([image, image[..., ::-1]]), [model] * 2)
    return AttentionMaps(mirrored.to_hand, plain.to_object)


def _with_hand_of(mirrored: NetworkOutput, plain: NetworkOutput, geometry: LixelGeometry) -> NetworkOutput:
    """The answer about a picture with the hand of the answer about its mirror image."""
    hand = mirror_lixels(mirrored.hand_lixels, geometry)
    return replace(plain, hand_lixels=hand, hand_sigma=mirrored.hand_sigma)
