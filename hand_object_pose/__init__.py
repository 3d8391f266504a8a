"""Hand mesh and object pose from one RGB image by dense mutual attention (Wang, Mao, Li, WACV 2023)."""

__version__ = "0.1.0"
