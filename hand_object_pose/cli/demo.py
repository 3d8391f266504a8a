"""`hand-object-pose demo`: a bag goes into the real node, what it publishes is scored and shown."""

import sys
from pathlib import Path
from typing import Annotated

import tyro

from hand_object_pose.cli.numbers import LARGEST_DOMAIN, check_range
from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.demo.run import run_demo
from hand_object_pose.live.processes import ChildFailedError, signals_raise


def run(
    seed: int = DemoConfig.seed,
    out: Path = DemoConfig.out,
    bag: Path | None = None,
    object_id: Annotated[str, tyro.conf.arg(name="object")] = DemoConfig.object_id,
    objects: Path | None = None,
    image: str = DemoConfig.image,
    depth: str = DemoConfig.depth,
    root_depth: float | None = None,
    duration: float | None = None,
    frames: int = DemoConfig.frames,
    compressed: bool = DemoConfig.compressed,
    weights: Path | None = None,
    threads: int = DemoConfig.threads,
    baseline: Path | None = None,
    domain_id: int | None = None,
) -> int:
    """Write a synthetic bag, play it at wall-clock rate into the real node, score and report what it publishes.

    Writes metrics.json, report.html and the bag `estimates`. Exit status 1 if no estimate arrives, the counts do not
    add up, a stamp, frame or transform differs, or an error exceeds twice the model card's.

    Args:
        seed: another number is another sequence.
        out: directory for everything that is written.
        bag: a rosbag2 of your own instead; without ground truth there are counts, latency and a report, no errors.
        object_id: what to look for; unless given, what the bag's truth or its detections say.
        objects: directory of a catalogue of your own for the synthetic sequence; the default objects unless given.
        image: base name of the colour images' topic in your bag, where there are several.
        depth: the same of the depth images aligned to them.
        root_depth: depth of the wrist in metres, for a bag without depth images.
        duration: seconds to play at least; the bag is repeated as often as that takes, 0 plays it once. Unless given,
            a synthetic sequence is played for a minute, a bag of your own once.
        frames: of the synthetic sequence; 0 means all, about eleven seconds at 30 Hz.
        compressed: JPEG and PNG in the synthetic bag instead of raw images.
        weights: a .safetensors file; the weights that ship with this package unless given.
        threads: of the network on a CPU, unless given as many as the node's default; 0 means one for each core.
        baseline: means of the training set of other weights than those that ship with this package (.npz).
        domain_id: ROS domain of all processes; a random one unless given.
    """
    check_range("--seed", seed, 0)
    check_range("--frames", frames, 0)
    check_range("--duration", duration, 0, unit="seconds")
    check_range("--domain-id", domain_id, 0, LARGEST_DOMAIN)
    config = DemoConfig(
        seed=seed,
        out=out,
        bag=bag,
        object_id=object_id,
        objects=objects,
        image=image,
        depth=depth,
        root_depth=root_depth,
        duration=duration,
        frames=frames,
        compressed=compressed,
        weights=weights,
        threads=threads,
        baseline=baseline,
        domain_id=domain_id,
    )
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
