"""The environment variable that keeps a process's ROS traffic on this machine, which depends on the distribution."""

# Iron brought ROS_AUTOMATIC_DISCOVERY_RANGE; since then ROS_LOCALHOST_ONLY is deprecated and would only warn.
_OLD_DISTRIBUTIONS = ("foxy", "galactic", "humble")


def localhost_only(distribution: str) -> dict[str, str]:
    """Environment variables by ``ROS_DISTRO``; empty or unknown: as for the newest."""
    if distribution in _OLD_DISTRIBUTIONS:
        return {"ROS_LOCALHOST_ONLY": "1"}
    return {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
