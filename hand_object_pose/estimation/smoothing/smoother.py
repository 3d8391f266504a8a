"""What the estimator calls: adds filtered poses to what was estimated from one image alone."""

from collections.abc import Mapping
from dataclasses import replace

from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.estimation.smoothing.configuration import SmoothingConfig
from hand_object_pose.estimation.smoothing.hand_filter import HandFilter
from hand_object_pose.estimation.smoothing.object_filter import ObjectFilter
from hand_object_pose.objects.object_model import ObjectModel


class Smoother:
    """Filters one hand and one object over time. Estimates that are not valid are passed by, and change nothing."""

    def __init__(self, config: SmoothingConfig, lost_after: float) -> None:
        """Prepare the filters.

        Args:
            config: see ``SmoothingConfig``.
            lost_after: seconds without a valid estimate after which the filters begin anew; another track id does, too.
        """
        self._enabled = config.mode != "none"
        self._object = ObjectFilter(config, lost_after)
        self._hand = HandFilter(config, lost_after)

    def refine(self, stamp: float, pair: HandObjectEstimate, models: Mapping[str, ObjectModel]) -> HandObjectEstimate:
        """The same estimate with filtered hand and object beside the raw ones, which stay as they are.

        Args:
            stamp: of the image, seconds.
            pair: estimated from this image alone.
            models: by name, for their symmetries.
        """
        if not (self._enabled and pair.valid):
            return pair
        track = pair.track_id
        hand, thing = pair.hand, pair.object
        if hand is not None:
            hand = replace(hand, filtered=self._hand.update(stamp, track, hand))
        if thing is not None and thing.valid:
            thing = replace(thing, filtered=self._object.update(stamp, track, thing, models[thing.name].symmetries))
        return replace(pair, hand=hand, object=thing)

    def reset(self) -> None:
        """Forget everything, as after a jump of the clock."""
        self._object.reset()
        self._hand.reset()
