#!/usr/bin/env bash
# Lays this repository's three packages side by side, as links, in the src/ directory of a ROS 2 workspace.
#
# The top directory is a package and holds the two others; rosdep, bloom and a plain `colcon build` look no deeper than
# the first package.xml they meet. Links in src/ show them all three.
set -euo pipefail

usage="usage: $0 WORKSPACE      (a ROS 2 workspace, such as ~/ros2_ws; its src/ is made where missing)"
if [[ $# -eq 1 && ($1 == -h || $1 == --help) ]]; then
    echo "$usage"
    exit 0
fi
if [[ $# -ne 1 ]]; then
    echo "$usage" >&2
    exit 2
fi

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
mkdir -p "$1/src"
src=$(cd "$1/src" && pwd -P)
case "$src/" in
"$repository"/*)
    echo "$0: $src lies inside the repository; expected a workspace outside of it" >&2
    exit 2
    ;;
esac

link() {
    local target=$1 name=$2
    if [[ $target == "$src/$name" ]]; then
        return # the repository itself was cloned there
    fi
    if [[ -e $src/$name && ! -L $src/$name ]]; then
        echo "$0: $src/$name exists and is no link; move it away, then run this again" >&2
        exit 1
    fi
    ln -sfn "$target" "$src/$name"
    echo "$src/$name -> $target"
}

link "$repository" hand_object_pose
link "$repository/hand_object_pose_msgs" hand_object_pose_msgs
link "$repository/training" hand_object_pose_training
