"""What `/diagnostics` says: rates, latencies, drops, device, last error."""

from dataclasses import asdict

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from std_msgs.msg import Header

from hand_object_pose.ros.counters import Counts
from hand_object_pose.ros.health import Health
from hand_object_pose.ros.status import State, Verdict

_LEVELS = {
    State.UNKNOWN: DiagnosticStatus.STALE,
    State.WAITING: DiagnosticStatus.WARN,
    State.RUNNING: DiagnosticStatus.OK,
    State.LOST: DiagnosticStatus.WARN,
    State.STALE: DiagnosticStatus.STALE,
    State.ERROR: DiagnosticStatus.ERROR,
}


def diagnostics_message(node: Node, verdict: Verdict, counts: Counts, health: Health, device: str) -> DiagnosticArray:
    """One array with one status, stamped by the node's clock."""
    seen = health.snapshot()
    values = {
        "state": verdict.state.name,
        "device": device,
        "image rate (Hz)": f"{seen.image_rate:.1f}",
        "estimate rate (Hz)": f"{seen.estimate_rate:.1f}",
        **{name: str(value) for name, value in asdict(counts).items()},
        "last error": health.last_error,
    }
    for stage, (median, high) in health.latencies().items():
        values[f"{stage} p50 (ms)"] = f"{1000 * median:.1f}"
        values[f"{stage} p95 (ms)"] = f"{1000 * high:.1f}"
    status = DiagnosticStatus(
        level=_LEVELS[verdict.state],
        name=f"{node.get_fully_qualified_name()}: estimation",
        message=verdict.problem.reason or verdict.state.name,
        hardware_id="hand_object_pose",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=node.get_clock().now().to_msg()), status=[status])
