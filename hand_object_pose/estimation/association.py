"""Which of the detected hands belongs to which track."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.region_of_interest import LEAST_OVERLAP, Detections, overlap
from hand_object_pose.estimation.track import Track
from hand_object_pose.geometry.crops import CropBox


def views_of(frame: Frame, most: int) -> list[Frame]:
    """The frame once for each of the ``most`` best hands, each time with that hand and the object nearest to it only.

    Less than two hands leave the frame as it is; where nothing was detected, there is none.
    """
    hands = frame.hand_boxes
    if not frame.has_boxes:
        return []
    if most < 2 or hands is None or len(hands) < 2:
        return [frame]
    return [_view(frame, number) for number in range(min(most, len(hands)))]


def assigned(
    tracks: list[Track], frame: Frame, most: int, margin: float, begin: Callable[[], Track]
) -> list[tuple[Track, Frame]]:
    """All tracks, each with what it is shown of a frame: its own detection, if there is one.

    A detection belongs to the track whose expected square it overlaps most, if the sides agree. One that belongs to
    none takes the place of a track without a detection, first of a lost one, or begins another.

    Args:
        tracks: at least one; those that begin are appended.
        frame: with all detections; most: tracks at a time; margin: of squares around detections.
        begin: makes a place for another track.
    """
    views = views_of(frame, most)
    chosen = _matched(tracks, views, frame.stamp, margin)
    for number in range(len(views)):
        if number in chosen.values():
            continue
        free = [place for place in range(len(tracks)) if place not in chosen]
        free.sort(key=lambda place: tracks[place].expected(frame.stamp) is not None)
        if not free and len(tracks) < most:
            tracks.append(begin())
            free = [len(tracks) - 1]
        if free:
            chosen[free[0]] = number
    alone = frame.without_boxes() if views else frame
    return [(track, views[chosen[place]] if place in chosen else alone) for place, track in enumerate(tracks)]


def _view(frame: Frame, number: int) -> Frame:
    assert frame.hand_boxes is not None
    hand = frame.hand_boxes[[number]]
    sides = (frame.hand_sides[number],) if frame.hand_sides else ()
    view = replace(frame, hand_boxes=hand, hand_sides=sides)
    nearest = frame.nearest_object(number)
    if nearest is None or frame.object_boxes is None:
        return view
    name = frame.object_ids[nearest] if frame.object_ids else frame.object_id
    return replace(view, object_boxes=frame.object_boxes[[nearest]], object_ids=(), object_id=name)


def _matched(tracks: Sequence[Track], views: Sequence[Frame], stamp: float, margin: float) -> dict[int, int]:
    """The view of each track that has one, the largest overlaps first."""
    detections = Detections(margin)
    found = [detections.propose(view).crop for view in views]
    overlaps = [
        (_overlap(track.expected(stamp), crop), place, number)
        for place, track in enumerate(tracks)
        for number, (view, crop) in enumerate(zip(views, found, strict=True))
        if _sides_agree(track, view)
    ]
    chosen: dict[int, int] = {}
    for shared, place, number in sorted(overlaps, key=lambda entry: -entry[0]):
        if shared >= LEAST_OVERLAP and place not in chosen and number not in chosen.values():
            chosen[place] = number
    return chosen


def _overlap(first: CropBox | None, second: CropBox | None) -> float:
    return 0.0 if first is None or second is None else overlap(first, second)


def _sides_agree(track: Track, view: Frame) -> bool:
    side = view.hand_sides[0] if view.hand_sides else ""
    return not side or not track.side or side == track.side
