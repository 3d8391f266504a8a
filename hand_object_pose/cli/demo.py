"""`hand-object-pose demo`: a bag goes into the real node, what it publishes is scored and shown."""

import sys
from typing import Annotated

import tyro

from hand_object_pose.cli.numbers import LARGEST_DOMAIN, check_range
from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.demo.run import run_demo
from hand_object_pose.live.processes import ChildFailedError, signals_raise


def run(config: Annotated[DemoConfig, tyro.conf.arg(name="")]) -> int:
    """Write a synthetic bag, play it at wall-clock rate into the real node, score and report what it publishes.

    Writes metrics.json, report.html and the bag `estimates`. Exit status 1 if no estimate arrives, the counts do not
    add up, a stamp, frame or transform differs, or an error exceeds twice the model card's.
    """
    check_range("--seed", config.seed, 0)
    check_range("--frames", config.frames, 0)
    check_range("--duration", config.duration, 0, unit="seconds")
    check_range("--domain-id", config.domain_id, 0, LARGEST_DOMAIN)
    try:
        with signals_raise():
            results = run_demo(config)
    except ChildFailedError as error:
        print(f"hand-object-pose demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; all processes were ended", file=sys.stderr)
        return 130
    return 1 if results.failures else 0
