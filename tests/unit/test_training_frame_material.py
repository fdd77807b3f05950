"""The frames of an epoch: each once, in random order, the same whoever asks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from frame_tables import DIM, NETWORK, NUM_PDFS, OPTIONS, utterances, write_tables

from kws.data.chunks import Pool
from kws.nnet import Nnet
from kws.training.frame_material import FrameCrossEntropy, FrameMaterial
from kws.training.frame_prepare import FrameSources, parse_frame_options, prepare_frames


@pytest.fixture
def material(tmp_path: Path) -> FrameMaterial:
    write_tables(tmp_path, "train", 1)
    write_tables(tmp_path, "dev", 2, 3)
    (tmp_path / "net.config").write_text(NETWORK)
    sources = FrameSources(
        feats=f"scp:{tmp_path}/train.feats.scp",
        ali=f"ark:{tmp_path}/train.ali.ark",
        dev_feats=f"ark:{tmp_path}/dev.feats.ark",
        dev_ali=f"ark:{tmp_path}/dev.ali.ark",
        network=f"{tmp_path}/net.config",
        pdfs=NUM_PDFS,
    )
    options = parse_frame_options(OPTIONS, "test")
    return prepare_frames(sources, *options, tmp_path / "exp").material({}, 0)


def rows(pools: list[Pool]) -> list[tuple[float, ...]]:
    """Of every frame that is learnt: its values with the frames around it, and its label."""
    found = []
    for pool in pools:
        for minibatch in pool.minibatches(16, 2, 1):
            for window, label in zip(minibatch.inputs, minibatch.labels, strict=True):
                found.append((*window.flatten().tolist(), float(label.item())))
    return found


def expected() -> list[tuple[float, ...]]:
    found = []
    for features, pdfs in utterances(1).values():
        padded = np.concatenate([features[:1], features[:1], features, features[-1:]])
        windows = np.lib.stride_tricks.sliding_window_view(padded, 4, axis=0).swapaxes(1, 2)
        for window, pdf in zip(windows, pdfs, strict=True):
            found.append((*window.ravel().tolist(), float(pdf)))
    return found


def test_an_epoch_has_every_frame_once_with_its_context(material: FrameMaterial) -> None:
    frames = rows(list(material.pools(0, 0)))
    assert sorted(frames) == sorted(expected())
    assert frames != expected()  # they are shuffled over all utterances
    assert material.num_jobs == round(len(frames) / 150)


def test_jobs_depend_on_seed_epoch_and_number_alone(material: FrameMaterial) -> None:
    whole = list(material.pools(1, 0))
    rest = list(material.pools(1, 2))
    assert len(rest) == len(whole) - 2
    assert rows(rest) == rows(whole[2:])
    assert rows(whole) != rows(list(material.pools(0, 0)))


def test_a_chunk_that_a_smaller_context_reads_is_the_same_frame(material: FrameMaterial) -> None:
    pool = next(material.pools(0, 0))
    wide, narrow = (next(pool.minibatches(16, *context)) for context in ((2, 1), (0, 0)))
    torch.testing.assert_close(narrow.inputs, wide.inputs[:, 2:3], rtol=0, atol=0)
    assert narrow.labels.tolist() == wide.labels.tolist()


def test_the_dev_set_is_whole_utterances(material: FrameMaterial) -> None:
    pools = list(material.dev_pools() or ())
    made = list(utterances(2, 3).values())
    assert len(pools) == 3
    for pool, (features, pdfs) in zip(pools, made, strict=True):
        (minibatch,) = pool.minibatches(16, 0, 0)
        np.testing.assert_array_equal(minibatch.inputs[0].numpy(), features)
        assert minibatch.labels[0].tolist() == pdfs.tolist()


def test_the_loss_is_the_mean_over_labelled_frames() -> None:
    generator = torch.Generator().manual_seed(0)
    nnet = Nnet.from_config(NETWORK, "net.config", generator)
    features = torch.randn(6, 4, DIM, generator=generator).numpy()
    chunks = np.array([[4 * i + 2, 4 * i, 4 * i + 3, 1] for i in range(6)])
    labels = np.zeros(24, np.int64)
    labels[2::4] = [0, 1, -1, 1, 0, 0]
    pool = Pool(features.reshape(-1, DIM), labels, chunks, ())
    (minibatch,) = pool.minibatches(16, 2, 1)
    log_posteriors = nnet.log_probabilities(minibatch.inputs, False)
    loss = FrameCrossEntropy(16)
    (term,) = loss.terms(log_posteriors, minibatch)
    by_hand = [-float(log_posteriors[i, 0, k].detach()) for i, k in ((0, 0), (1, 1), (3, 1))]
    by_hand += [-float(log_posteriors[i, 0, 0].detach()) for i in (4, 5)]
    assert term.count == 5
    # sums of five float32 in another order
    assert float(term.total.detach()) == pytest.approx(sum(by_hand), rel=1e-6)
    largest = log_posteriors[:, 0].argmax(1).tolist()
    right = sum(largest[i] == k for i, k in ((0, 0), (1, 1), (3, 1), (4, 0), (5, 0)))
    assert loss.counts(log_posteriors, minibatch) == (right, 5)
