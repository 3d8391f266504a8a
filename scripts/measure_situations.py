"""The real node in situations that befall a robot: what ``status`` says, and how soon estimates are right again.

    python scripts/measure_situations.py --out out/situations

Renders two handovers, plays them from this process into the node, which has one of its own, and makes things go wrong.
Prints a Markdown table. Takes about four minutes.
"""

from pathlib import Path

import tyro
from run_script import run_script
from situations import bag_clock, faults, inputs
from situations.camera import ToyClock
from situations.common import WATCHDOG, Footage, play_all
from situations.footage import Picture, Shot, Studio
from situations.report import Row, table
from situations.stage import Stage, show_progress

from hand_object_pose.live.processes import signals_raise

_PICTURES = 60
_BAG_START = 1_700_000_000_000_000_000


def measure(out: Path = Path("out/situations"), first: str = "mug", second: str = "bottle", seed: int = 11) -> None:
    """Print the table.

    Args:
        out: directory for logs.
        first: object to play.
        second: object to change to.
        seed: of the handovers; 1 to 10 are left to the demo.
    """
    show_progress("rendering")
    footage = _footage(first, second, seed)
    with signals_raise():
        stage = Stage(out)
        try:
            rows = _on_the_wall_clock(stage, footage) + _on_a_bags_clock(stage, footage)
        finally:
            stage.close()
    print(table(rows))


def _on_the_wall_clock(stage: Stage, footage: Footage) -> list[Row]:
    stage.start_node({"object_id": footage.first_object, "watchdog_timeout": WATCHDOG})
    acts = (
        inputs.late_publisher,
        inputs.other_reliability,
        inputs.undisturbed,
        inputs.another_resolution,
        inputs.no_calibration,
        inputs.hand_leaves,
        inputs.images_stop,
        inputs.another_object,
        inputs.old_stamps,
        faults.worker_raises,
        faults.worker_hangs,
        faults.many_activations,
        faults.worker_hangs_three_times,
    )
    return play_all(acts, stage, footage)


def _on_a_bags_clock(stage: Stage, footage: Footage) -> list[Row]:
    stage.camera.clock = ToyClock(_BAG_START)
    stage.camera.show(footage.first)
    stage.start_node({"object_id": footage.first_object, "use_sim_time": True, "base_frame": "base_link"})
    acts = (bag_clock.no_clock, bag_clock.looping_bag, bag_clock.paused_bag, bag_clock.missing_calibration)
    return play_all(acts, stage, footage)


def _footage(first: str, second: str, seed: int) -> Footage:
    studio = Studio()
    pictures = studio.handover(first, seed, _PICTURES)
    return Footage(
        _shots(pictures),
        _shots(studio.handover(second, seed, _PICTURES)),
        _shots([picture.halved() for picture in pictures]),
        _shots([picture.uncalibrated() for picture in pictures[:1]]),
        _shots([studio.empty_room(first, seed)]),
        first,
        second,
    )


def _shots(pictures: list[Picture]) -> list[Shot]:
    return [picture.shot() for picture in pictures]


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
