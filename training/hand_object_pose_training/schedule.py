"""The paper's learning rate schedule, scaled to a number of steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScheduleConfig:
    """Adam's learning rate over a run.

    Attributes:
        learning_rate: at the start; the paper's 1e-4 is for ImageNet-initialised encoders.
        decay: factor at each milestone.
        milestones: shares of the run, 0 to 1 (the paper: after 10 and 20 of 25 epochs).
        warmup_steps: linear rise at the start, steps.
    """

    learning_rate: float = 1e-4
    decay: float = 0.1
    milestones: tuple[float, ...] = (0.4, 0.8)
    warmup_steps: int = 0

    def at(self, step: int, total_steps: int) -> float:
        """The learning rate of one step."""
        warmup = min(1.0, (step + 1) / (self.warmup_steps + 1))
        passed = sum(step >= share * total_steps for share in self.milestones)
        return self.learning_rate * warmup * self.decay**passed
