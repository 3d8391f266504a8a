"""The package `hand_object_pose_training`, for pip and, as an ament_python package, for colcon."""

from setuptools import find_packages, setup

NAME = "hand_object_pose_training"

setup(
    name=NAME,
    version="0.1.0",
    description="Trains the networks of hand_object_pose",
    license="Apache-2.0",
    maintainer="hand_object_pose maintainers",
    maintainer_email="hand-object-pose@users.noreply.github.com",
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    # Floors only; the versions everything is tested with are in the repository's constraints.txt.
    install_requires=[
        "hand_object_pose[synthesis]",
        "lightning-fabric>=2.2",
        "onnx>=1.16",
        "onnxscript>=0.1",
        "tensorboard>=2.12",
        "torch>=2.2",
        "torchvision>=0.17",
    ],
    # A differentiable rasteriser for GPUs; its wheels fit some versions of torch only, and nothing needs it.
    extras_require={"pytorch3d": ["easypytorch3d>=0.7.9"]},
    zip_safe=False,
    entry_points={"console_scripts": ["hand-object-train = hand_object_pose_training.command_line:main"]},
)
