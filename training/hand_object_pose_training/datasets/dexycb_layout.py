"""DexYCB's names and splits, by the rules of its toolkit."""

from dataclasses import dataclass

from hand_object_pose.errors import UserError

SUBJECTS = (
    "20200709-subject-01",
    "20200813-subject-02",
    "20200820-subject-03",
    "20200903-subject-04",
    "20200908-subject-05",
    "20200918-subject-06",
    "20200928-subject-07",
    "20201002-subject-08",
    "20201015-subject-09",
    "20201022-subject-10",
)
SERIALS = (
    "836212060125",
    "839512060362",
    "840412060917",
    "841412060263",
    "932122060857",
    "932122060861",
    "932122061900",
    "932122062010",
)
YCB_NAMES = (
    "002_master_chef_can",
    "003_cracker_box",
    "004_sugar_box",
    "005_tomato_soup_can",
    "006_mustard_bottle",
    "007_tuna_fish_can",
    "008_pudding_box",
    "009_gelatin_box",
    "010_potted_meat_can",
    "011_banana",
    "019_pitcher_base",
    "021_bleach_cleanser",
    "024_bowl",
    "025_mug",
    "035_power_drill",
    "036_wood_block",
    "037_scissors",
    "040_large_marker",
    "051_large_clamp",
    "052_extra_large_clamp",
    "061_foam_brick",
)
"""Objects 1 to 21, in order."""

SEQUENCES_EACH = 100
IMAGE_SIZE = (640, 480)
HAND_VALUE = 255
"""Of the hand in ``seg``; objects have their number 1 to 21 there."""
SETUPS = ("s0", "s1", "s2", "s3")
SPLITS = ("train", "val", "test")

# Five consecutive sequences grasp the same object: the groups that setup s3 holds out.
_S3_GROUPS = {"val": (3, 19), "test": (7, 11, 15)}
_S1_SUBJECTS = {"train": (0, 1, 2, 3, 4, 5, 9), "val": (6,), "test": (7, 8)}
_S2_SERIALS = {"train": (0, 1, 2, 3, 4, 5), "val": (6,), "test": (7,)}
_S0_SUBJECTS = {"train": tuple(range(10)), "val": (0, 1), "test": tuple(range(2, 10))}


@dataclass(frozen=True)
class Split:
    """What one split of one setup holds: numbers of subjects, of cameras, and of each subject's sequences by name."""

    subjects: tuple[int, ...]
    serials: tuple[int, ...]
    sequences: tuple[int, ...]

    @property
    def depends_on_numbers(self) -> bool:
        """Whether a sequence's number among its subject's decides if it belongs to the split."""
        return len(self.sequences) < SEQUENCES_EACH


def split_of(setup: str, split: str) -> Split:
    """The toolkit's rule.

    Raises:
        UserError: no such setup or split.
    """
    if setup not in SETUPS or split not in SPLITS:
        raise UserError(f"expected a setup of {', '.join(SETUPS)} and a split of {', '.join(SPLITS)}: {setup} {split}")
    subjects, serials, sequences = tuple(range(10)), tuple(range(8)), tuple(range(SEQUENCES_EACH))
    if setup == "s0":
        subjects = _S0_SUBJECTS[split]
        sequences = tuple(number for number in sequences if (number % 5 != 4) == (split == "train"))
    elif setup == "s1":
        subjects = _S1_SUBJECTS[split]
    elif setup == "s2":
        serials = _S2_SERIALS[split]
    elif split == "train":
        held_out = (*_S3_GROUPS["val"], *_S3_GROUPS["test"])
        sequences = tuple(number for number in sequences if number // 5 not in held_out)
    else:
        sequences = tuple(number for number in sequences if number // 5 in _S3_GROUPS[split])
    return Split(subjects, serials, sequences)
