"""What hand and object do to each other in a frame: the hand refined by what is plausible, contacts, the grasp."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.contact_refinement import ContactRefinement, RefinementSettings
from hand_object_pose.estimation.grasp_state import GraspTracker
from hand_object_pose.estimation.interaction import find_contacts
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.result import Contacts, HandObjectEstimate
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.reachable_surface import reachable_surface


class HandObjectInteraction:
    """Computes the interaction as far as the settings ask for it."""

    def __init__(self, hand: HandModel, config: EstimatorConfig) -> None:
        """Prepare for a hand model."""
        self._finger_labels = hand.finger_labels
        self._refinement = ContactRefinement(hand)
        self.set_config(config)

    def set_config(self, config: EstimatorConfig) -> None:
        """Change settings between frames."""
        self._config = config

    def prepare(self, models: Iterable[ObjectModel]) -> None:
        """Compute distance grids and surfaces, which would delay the first frame."""
        for model in models if self._config.contacts else ():
            grid_of(model)
            reachable_surface(model)

    def refined(self, seen: Observation) -> Observation:
        """The hand moved towards plausible contacts; as it is where it is not finite."""
        if not np.isfinite(seen.points).all():
            return seen
        settings = RefinementSettings(time_budget=self._config.refinement_time_budget)
        return replace(seen, lifted=self._refinement.refine(seen.lifted, grid_of(seen.model), settings))

    def added(
        self, pair: HandObjectEstimate, seen: Observation, grasps: GraspTracker, stamp: float
    ) -> HandObjectEstimate:
        """The pair with contacts and, where it is valid, the state of the grasp, which ``grasps`` follows over time.

        Args:
            pair: what was made of ``seen``; grasps: of its track; stamp: of the frame, seconds.
        """
        contacts = self._contacts(seen)
        if contacts is None or not pair.valid:
            return replace(pair, contacts=contacts)
        return replace(pair, contacts=contacts, grasp=grasps.update(pair.track_id, stamp, contacts.part_distances))

    def _contacts(self, seen: Observation) -> Contacts | None:
        """None where they were not asked for."""
        if not self._config.contacts or not np.isfinite(seen.points).all():
            return None
        pose, distance = seen.lifted.object_pose, self._config.contact_distance
        return find_contacts(seen.lifted.hand, self._finger_labels, pose, grid_of(seen.model), distance)
