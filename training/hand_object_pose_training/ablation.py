"""The paper's ablation (Table 3): every variant of the network, trained alike, with several seeds."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.checkpoint import TRAINING_HEADS
from hand_object_pose.network.config import VARIANTS, VariantName, preset_config
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.ablation_results import (
    AblationResult,
    DamagedResultError,
    read_begun,
    read_result,
    write_json,
    write_result,
)
from hand_object_pose_training.ablation_table import AblationTable
from hand_object_pose_training.content_hash import content_hash
from hand_object_pose_training.datasets.training_data import remember
from hand_object_pose_training.export import trained_network
from hand_object_pose_training.resumption import LATER_SETTINGS
from hand_object_pose_training.run_state import LAST, load_state
from hand_object_pose_training.train_config import TrainConfig
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.validation import held_out_crops, validate

# What may differ between runs of one table. The preset's variant and the seed are what is varied.
_MAY_DIFFER = frozenset({"out", "seed", "device", "workers", "save_every", "validate_every"})


@dataclass(frozen=True)
class AblateConfig(TrainConfig):
    """What all runs of an ablation share, as for ``train``; ``out`` gets a directory for each variant and seed.

    Attributes:
        preset: the whole network, whose variants are trained.
        variants: which rows of the paper's Table 3; the table also shows those that earlier calls trained.
        seeds: how many, from ``seed`` on. One seed supports no claim.
    """

    variants: tuple[VariantName, ...] = VARIANTS
    seeds: int = 3


def ablate(config: AblateConfig, hand: HandModel, catalogue: dict[str, ObjectModel], console: Console) -> AblationTable:
    """Train and measure what is missing; after each run, write ``ablation.md`` and ``.json`` into ``out``.

    Raises:
        UserError: settings that runs of an ablation cannot share, results of other settings in ``config.out``, or what
            ``Trainer`` raises.
    """
    _check(config)
    planned = [
        (variant, seed) for seed in range(config.seed, config.seed + config.seeds) for variant in config.variants
    ]
    shared = _shared(config)
    # Results of other settings are found before hours are spent on new ones.
    done = {(result.variant, result.seed) for result in _known(config, shared, console)}
    for number, (variant, seed) in enumerate(planned, start=1):
        if (variant, seed) in done:
            console.print(f"{variant}, seed {seed}: trained and measured before")
            continue
        console.print(f"{variant}, seed {seed} ({number} of {len(planned)})")
        _train(_run_config(config, variant, seed), variant, shared, hand, catalogue)
        _tabulate(config, shared, console)
    return _tabulate(config, shared, console)


def _tabulate(config: AblateConfig, shared: dict[str, str], console: Console) -> AblationTable:
    """Write the table of what has been trained so far."""
    table = AblationTable(list(_known(config, shared, console)))
    write_json(config.out / "ablation.json", table.content())
    (config.out / "ablation.md").write_text(table.markdown(), encoding="utf-8")
    return table


def _check(config: AblateConfig) -> None:
    preset_config(f"{config.preset}/mutual")
    if config.steps is None or config.budget_minutes is not None:
        raise UserError("give --steps, not --budget-minutes: a slow variant would take fewer steps than a fast one")
    if config.start_from is not None:
        raise UserError(
            "--start-from: weights fit one variant only; --first-stage-from and --imagenet-weights fit all of them"
        )
    if (config.devices, config.machines) != (1, 1):
        raise UserError(
            f"expected --devices 1 --machines 1, found {config.devices} and {config.machines}; start the command once "
            "a device instead, with other --variants and the same --out"
        )
    if config.seeds < 1 or not config.variants:
        raise UserError("expected at least one of --variants and one of --seeds")


def _train(
    run: TrainConfig, variant: str, shared: dict[str, str], hand: HandModel, catalogue: dict[str, ObjectModel]
) -> None:
    # The trainer would go on with other samples, and other weights to begin with, under the same names of files.
    begun = run.out / "begun_with.json"
    _require_same(begun, read_begun(begun), shared)
    trainer = Trainer(run, hand, catalogue)
    write_json(begun, shared)
    remember(run.out, run.shards, run.objects)
    trainer.run()
    state = load_state(run.out / LAST)
    supervised = trained_network(state, hand, catalogue).to(trainer.fabric.device)
    dataset = held_out_crops(supervised, run.validation_shards, hand, catalogue)
    errors = validate(supervised, dataset, interaction=True)
    counts = _parameters(supervised.network), state.seconds, len(dataset)
    write_result(_result_path(run.out), AblationResult(variant, run.seed, shared, state.device, *counts, errors))


def _run_config(config: AblateConfig, variant: str, seed: int) -> TrainConfig:
    settings: dict[str, Any] = {field.name: getattr(config, field.name) for field in fields(TrainConfig)}
    out = config.out / variant / f"seed_{seed}"
    return TrainConfig(**{**settings, "preset": f"{config.preset}/{variant}", "seed": seed, "out": out})


def _result_path(run: Path) -> Path:
    return run / "result.json"


def _shared(config: AblateConfig) -> dict[str, str]:
    """What all results of one table must have in common, as text: of files what they hold, wherever they lie."""
    names = [field.name for field in fields(TrainConfig) if field.name not in _MAY_DIFFER]
    settings = asdict(config)
    return {name: _as_text(settings[name]) for name in names}


def _as_text(value: Any) -> str:
    return f"sha256 {content_hash(value)[:16]}" if isinstance(value, Path) else str(value)


def _known(config: AblateConfig, shared: dict[str, str], console: Console) -> Iterator[AblationResult]:
    """Results in the directory, also of earlier calls. A damaged one is named and left out."""
    for run in (run for variant in VARIANTS for run in sorted((config.out / variant).glob("seed_*"))):
        try:
            result = read_result(_result_path(run))
        except DamagedResultError as error:
            console.print(f"{error}; it counts as missing", soft_wrap=True)
            continue
        if result is None:
            continue
        _require_same(_result_path(run), result.settings, shared)
        yield result


def _require_same(path: Path, found: dict[str, str] | None, shared: dict[str, str]) -> None:
    """Refuse settings of a file that this table's runs do not share; None are nobody's."""
    if found is None:
        return
    known = {**LATER_SETTINGS, **found}
    changed = sorted(name for name in shared if known.get(name) != shared[name])
    if changed:
        raise UserError(
            f"{path}: made with other settings ({', '.join(changed)}); repeat them, or choose another --out"
        )


def _parameters(network: HandObjectNetwork) -> int:
    """Of what runs at inference."""
    return sum(value.numel() for name, value in network.named_parameters() if not name.startswith(TRAINING_HEADS))
