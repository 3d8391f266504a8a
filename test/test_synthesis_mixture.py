"""Mixed batches: exact shares, every sample once an epoch, resumption at any step."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_object_pose.errors import UserError
from hand_object_pose_training.mixture import MixedDataset, MixtureSampler, MixtureShares

PAPER = MixtureShares().values
SIZES = (37, 37, 11)


def sampler(**changes):
    return MixtureSampler(**{"sizes": SIZES, "shares": PAPER, "batch_size": 24, "seed": 5, **changes})


def test_the_papers_batch_is_mixed_as_it_says():
    batches = list(islice(sampler(), 100))
    counts = np.array([[sum(key[0] == kind for key in batch) for kind in range(3)] for batch in batches])
    assert set(counts.sum(axis=1)) == {24}
    # 10.8, 10.8 and 2.4 a batch: never two away, and exact over five batches.
    assert np.abs(counts - 24 * np.array(PAPER)).max() < 1.5
    np.testing.assert_array_equal(counts[:5].sum(axis=0), [54, 54, 12])
    np.testing.assert_array_equal(counts.sum(axis=0), [1080, 1080, 240])


def test_each_dataset_is_gone_through_once_an_epoch_in_another_order():
    keys = [key for batch in islice(sampler(), 40) for key in batch]
    for kind, size in enumerate(SIZES):
        own = [key for key in keys if key[0] == kind]
        epochs = {}
        for _, epoch, index in own:
            epochs.setdefault(epoch, []).append(index)
        complete = [epochs[epoch] for epoch in sorted(epochs)[:-1]]
        assert len(complete) >= 5
        assert all(sorted(indices) == list(range(size)) for indices in complete)
        assert len({tuple(indices) for indices in complete}) == len(complete)


@given(step=st.integers(0, 10_000), seed=st.integers(0, 3))
@settings(max_examples=25)
def test_a_resumed_run_draws_what_the_uninterrupted_one_would(step, seed):
    whole = sampler(seed=seed)
    resumed = sampler(seed=seed, first_step=step)
    for offset, batch in enumerate(islice(resumed, 3)):
        assert batch == whole.batch(step + offset)
    assert whole.batch(step) != sampler(seed=seed + 1).batch(step)


def test_devices_share_what_one_would_draw():
    parts = [list(islice(sampler(batch_size=12, rank=rank, devices=2), 6)) for rank in range(2)]
    together = list(islice(sampler(), 6))
    for step, batch in enumerate(together):
        assert sorted(parts[0][step] + parts[1][step]) == sorted(batch)
        assert len(parts[0][step]) == len(parts[1][step]) == 12
    # A batch's order is random: no device is left with one kind of images.
    assert all({key[0] for key in batch} >= {0, 1} for device in parts for batch in device)


@given(
    shares=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    batch_size=st.integers(1, 40),
    step=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_shares_are_kept_and_no_sample_is_taken_back(shares, batch_size, step):
    portions = np.array(shares) / np.sum(shares)
    mixture = MixtureSampler([7] * len(shares), portions, batch_size, seed=0)
    drawn = np.array(mixture.drawn(step))
    assert drawn.sum() == step * batch_size
    assert (np.abs(drawn - portions * step * batch_size) <= 0.5 + portions * len(shares) / 2 + 1e-6).all()
    assert (np.array(mixture.drawn(step + 1)) >= drawn).all()


def test_mistakes_are_named():
    with pytest.raises(UserError, match="sum to 1"):
        MixtureShares(0.5, 0.5, 0.5)
    with pytest.raises(UserError, match=r"dataset 2 has a share of 0\.1 and no samples"):
        sampler(sizes=(5, 5, 0))
    # Without a share, nothing is asked of a dataset.
    assert {key[0] for key in next(iter(MixtureSampler([3, 0], [1.0, 0.0], 2, seed=0)))} == {0}


def test_keys_reach_their_dataset():
    class Echo:
        def __init__(self, name):
            self.name = name

        def __getitem__(self, key):
            return self.name, key

    mixed = MixedDataset([Echo("real"), Echo("views"), Echo("grasps")])
    assert mixed[2, 4, 9] == ("grasps", (4, 9))
    assert mixed[0, 1, 3] == ("real", (1, 3))
