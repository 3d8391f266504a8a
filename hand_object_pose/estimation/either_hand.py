"""The network's answers about hands of either side, as of the picture itself: after this, no side is special.

Weights know hands of one side and objects as they are. A hand of the other side is shown to them in a mirror, where it
looks like one of their own. Its object is not: a mirror shows another object, unless the weights have learned mirrored
objects, too (a training on a dataset's left hands). So the object is taken from the picture as it is, where the network
recognizes it, if not its hand; both pictures are looked at in the same evaluation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hand_object_pose.estimation.attention import AttendingBackend, AttentionMaps
from hand_object_pose.estimation.backend import Backend, FloatArray, NetworkOutput, WeightsInfo
from hand_object_pose.estimation.mirroring import MIRRORED, mirror_output
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
    own, known = backend.weights.hand.side, backend.weights.objects
    others = [number for number, side in enumerate(sides) if side != own]
    if not others:
        output = backend.run(images, list(objects))
        return [output.of(number) for number in range(len(images))]
    reflected = [in_mirror(objects[number], known) for number in others]
    batch = np.concatenate([images, images[others][..., ::-1]])
    output = backend.run(batch, [*objects, *reflected])
    answers = [output.of(number) for number in range(len(images))]
    for place, number in enumerate(others):
        mirrored = mirror_output(output.of(len(images) + place), backend.weights.lixels)
        knows_mirrored = reflected[place] is not objects[number]
        answers[number] = mirrored if knows_mirrored else with_hand_of(mirrored, answers[number])
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
    reflected = in_mirror(model, weights.objects)
    plain, mirrored = backend.attention(np.concatenate([image, image[..., ::-1]]), [model, reflected])
    return AttentionMaps(mirrored.to_hand, plain.to_object if reflected is model else mirrored.to_object)


def in_mirror(model: ObjectModel, known: Mapping[str, ObjectModel]) -> ObjectModel:
    """The object's mirror image where weights with these objects know it, else the object itself."""
    return known.get(model.name + MIRRORED, model)


def with_hand_of(hand: NetworkOutput, answer: NetworkOutput) -> NetworkOutput:
    """The answer with the hand of another answer about the same picture."""
    return replace(answer, hand_lixels=hand.hand_lixels, hand_sigma=hand.hand_sigma)
