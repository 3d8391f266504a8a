"""The weights that ship with the package belong to the meshes, the baseline and the exported network beside them."""

import pytest

from hand_object_pose.demo.verdict import card_errors
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.estimation.onnx_backend import OnnxBackend, onnx_path_of
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.evaluation.frame_errors import HAND_ERRORS, OBJECT_ERRORS
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue


@pytest.fixture(scope="module")
def weights() -> WeightsInfo:
    return load_weights_info(DEFAULT_WEIGHTS)


def test_exported_network_was_made_from_these_weights(weights: WeightsInfo) -> None:
    assert onnx_path_of(DEFAULT_WEIGHTS).is_file()
    # Refuses another network than that of the weights, by the hash that the export left in it.
    assert OnnxBackend(DEFAULT_WEIGHTS, threads=1, device="cpu").weights.hash == weights.hash


def test_hand_and_objects_are_the_default_ones(weights: WeightsInfo) -> None:
    catalogue = default_catalogue()

    assert weights.hand.hash == default_hand().hash
    assert {name: model.hash for name, model in weights.objects.items()} == {
        name: catalogue[name].hash for name in catalogue
    }


def test_baseline_knows_the_same_objects(weights: WeightsInfo) -> None:
    assert set(Baseline.load().object_poses) == set(weights.objects)


def test_card_states_every_error_that_the_demo_compares_with(weights: WeightsInfo) -> None:
    errors = card_errors(weights.provenance)

    assert set(errors) == {*HAND_ERRORS, *OBJECT_ERRORS}
    assert all(value > 0 for value in errors.values())
