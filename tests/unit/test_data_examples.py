"""Draws, crops, chunks and pools: what a training sees, and that its seed alone decides it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kws.data import Word
from kws.data.augmentation import Augmenter, AugmentOptions
from kws.data.chunks import (
    IGNORED,
    FrameChunks,
    Indices,
    Pool,
    Prepared,
    Target,
    WholeUtterances,
    pool_of,
)
from kws.data.draws import Draws, ExampleOptions, Job, generator_of
from kws.data.examples import Examples, choose_crop
from kws.data.recordings import Marks, Occurrence, Recordings, recordings_of
from kws.errors import InputError
from kws.features import FeaturePipeline, parse_feature_options

RATE = 16000
NO_INDICES = np.zeros(0, np.int64)


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(num_samples) * 1000).astype(np.int16)


def word(start_s: float, end_s: float) -> Word:
    return Word("u", start_s, end_s, "low")


def timed(start_s: float, end_s: float, keyword: int = 0) -> Marks:
    """One occurrence of a keyword of one unit, unit 1."""
    return Marks((Occurrence(keyword, (1,), start_s, end_s),), (word(start_s, end_s),))


def label(words: object, centres_s: np.ndarray) -> Indices:
    """Unit 1 inside every word, 0 elsewhere."""
    labels = np.zeros(len(centres_s), np.int64)
    for one in words:  # type: ignore[attr-defined]
        labels[(centres_s >= one.start_s) & (centres_s < one.end_s)] = 1
    return labels


def prepared(num_frames: int, begin: int, end: int, marks: Marks | None = None) -> Prepared:
    """Frames whose only feature is their number; frame t is centred on t / 100 s."""
    features = np.arange(num_frames, dtype=np.float32)[:, None]
    return Prepared(features, np.arange(num_frames) / 100, begin, end, marks or Marks())


def pipeline() -> FeaturePipeline:
    return FeaturePipeline(parse_feature_options("--num-mel-bins=10\n", "test"))


# Marks and recordings


def test_marks_follow_a_move_and_a_speed() -> None:
    marks = timed(1.0, 1.5).moved(2.0, speed=2.0)
    assert marks.occurrences == (Occurrence(0, (1,), 1.5, 1.75),)
    assert marks.words == (word(1.5, 1.75),)
    untimed = Marks((Occurrence(0, (1,)),))
    assert untimed.moved(1.0, 0.9) == untimed
    assert not untimed.timed


def test_a_subset_of_recordings_keeps_their_samples() -> None:
    recordings = recordings_of(["a", "b", "c"], [noise(100, i) for i in range(3)], RATE)
    part = recordings.subset([2, 0])
    assert part.ids == ("c", "a")
    np.testing.assert_array_equal(part[0], noise(100, 2))
    assert part.duration_s(1) == 100 / RATE
    assert len(part) == 2


# Draws


def draws_of(options: ExampleOptions, durations_s: list[float], marks: list[Marks]) -> Draws:
    audio = [np.zeros(round(d * RATE), np.int16) for d in durations_s]
    names = [f"u{i}" for i in range(len(audio))]
    return Draws(recordings_of(names, audio, RATE), marks, 2, options)


def test_an_epoch_has_the_share_of_each_keyword_that_was_asked_for() -> None:
    marks = [timed(0, 1, 0)] * 3 + [timed(0, 1, 1)] * 2 + [Marks()] * 20
    options = ExampleOptions(utterances_per_epoch=40, positive_share=0.5)
    drawn = draws_of(options, [1.0] * 25, marks).utterances(0, 0)
    assert len(drawn) == 40
    counts = np.bincount(drawn, minlength=25)
    assert counts[:3].sum() == counts[3:5].sum() == 10
    # every utterance once before one comes again
    assert set(counts[:3]) == {3, 4}
    assert set(counts[3:5]) == {5}
    assert set(counts[5:]) == {1}


def test_without_a_share_every_utterance_comes_once_and_long_ones_once_per_crop() -> None:
    marks = [
        Marks((Occurrence(0, (1,), 0, 1), Occurrence(1, (2,), 0, 1))),
        timed(0, 1, 1),
        Marks(),
        Marks(),
    ]
    options = ExampleOptions(positive_share=0.0, crop_s=2.0)
    drawn = draws_of(options, [1.0, 9.0, 1.0, 8.0], marks).utterances(3, 1)
    assert sorted(drawn.tolist()) == [0, 1, 2, 3, 3, 3, 3]


def test_positives_alone_make_an_epoch_too() -> None:
    draws = draws_of(ExampleOptions(), [1.0, 1.0], [timed(0, 1, 0), timed(0, 1, 1)])
    assert sorted(draws.utterances(0, 0).tolist()) == [0, 1]


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        draws_of(ExampleOptions(), [], [])


def test_epochs_differ_and_repeat_with_their_seed() -> None:
    draws = draws_of(ExampleOptions(), [1.0] * 60, [Marks()] * 60)
    first = draws.utterances(0, 0).tolist()
    assert first == draws.utterances(0, 0).tolist()
    assert first != draws.utterances(0, 1).tolist()
    assert first != draws.utterances(1, 0).tolist()


def test_jobs_cut_an_epoch_and_can_begin_in_its_middle() -> None:
    marks = [Marks()] * 10
    draws = draws_of(ExampleOptions(utterances_per_job=4), [1.0] * 10, marks)
    jobs = draws.jobs(7, 2, marks.__getitem__)
    assert [job.seed for job in jobs] == [(7, 2, 0), (7, 2, 1), (7, 2, 2)]
    assert [len(job.utterances) for job in jobs] == [4, 4, 2]
    assert [i for job in jobs for i in job.utterances] == draws.utterances(7, 2).tolist()
    assert draws.jobs(7, 2, marks.__getitem__, first=2) == jobs[2:]
    assert draws.num_jobs == 3


# Crops


@given(
    duration_s=st.floats(0.1, 20),
    begin=st.floats(0, 1),
    length_s=st.floats(0.01, 4),
    seed=st.integers(0, 50),
)
def test_a_crop_holds_the_keyword_and_lies_in_the_utterance(
    duration_s: float, begin: float, length_s: float, seed: int
) -> None:
    length_s = min(length_s, duration_s)
    start_s = begin * (duration_s - length_s)
    crop = choose_crop(duration_s, 3.0, timed(start_s, start_s + length_s), generator_of(seed))
    assert -1e-9 <= crop[0] <= crop[1] <= duration_s + 1e-9
    assert crop[1] - crop[0] == pytest.approx(min(3.0, duration_s))
    if length_s <= 3.0:
        assert crop[0] <= start_s + 1e-9
        assert start_s + length_s <= crop[1] + 1e-9


def test_crops_differ_but_an_utterance_with_an_unknown_time_stays_whole() -> None:
    generator = generator_of(0)
    starts = {choose_crop(10.0, 3.0, Marks(), generator)[0] for _ in range(20)}
    assert len(starts) == 20
    untimed = Marks((Occurrence(0, (1,)),))
    assert choose_crop(10.0, 3.0, untimed, generator) == (0.0, 10.0)


# Chunks


def test_a_minibatch_has_the_real_context_and_repeats_the_edges_of_the_utterance() -> None:
    first, second = prepared(6, 0, 6), prepared(5, 0, 5)
    second.features[:] += 100
    pool = pool_of([first, second], FrameChunks(label, 3))
    (minibatch,) = pool.minibatches(100, left_context=2, right_context=1)
    assert minibatch.inputs[..., 0].tolist() == [
        [0, 0, 0, 1, 2, 3],
        [1, 2, 3, 4, 5, 5],
        [100, 100, 100, 101, 102, 103],  # a chunk of two frames, filled up to three
        [100, 101, 102, 103, 104, 104],
    ]
    assert minibatch.labels.tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, IGNORED], [0, 0, 0]]


def test_context_beyond_a_crop_is_the_utterances_own() -> None:
    pool = pool_of([prepared(20, 8, 10)], FrameChunks(label, 2))
    (minibatch,) = pool.minibatches(1, left_context=3, right_context=4)
    assert minibatch.inputs[0, :, 0].tolist() == list(range(5, 14))


@given(num_frames=st.integers(0, 70), size=st.integers(1, 20))
def test_chunks_cover_every_frame_once(num_frames: int, size: int) -> None:
    cut = FrameChunks(label, size)(prepared(90, 10, 10 + num_frames), None)
    covered = [t for first, frames in cut.chunks for t in range(first, first + frames)]
    assert covered == list(range(10, 10 + num_frames))
    if num_frames >= size:
        # nearly equal, and about as long as asked for
        assert np.ptp(cut.chunks[:, 1]) <= 1
        assert cut.chunks[:, 1].max() <= np.ceil(1.5 * size)


def test_chunks_of_one_frame_are_kaldis_examples() -> None:
    pool = pool_of([prepared(10, 0, 10, timed(0.02, 0.05))], FrameChunks(label, 1))
    (minibatch,) = pool.minibatches(10, 0, 0)
    assert minibatch.labels[:, 0].tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    assert minibatch.inputs[:, 0, 0].tolist() == list(range(10))


def test_filler_chunks_can_be_thinned_out_but_keyword_chunks_stay() -> None:
    cut = FrameChunks(label, 2, filler_keep=0.0)
    result = cut(prepared(100, 0, 100, timed(0.30, 0.33)), generator_of(0))
    assert result.chunks[:, 0].tolist() == [30, 32]
    half = FrameChunks(label, 1, filler_keep=0.5)(prepared(1000, 0, 1000), generator_of(0))
    assert 430 < len(half.chunks) < 570  # 4.4 standard deviations


def test_a_shuffled_pool_holds_the_same_chunks() -> None:
    utterances = [prepared(30, 0, 30, timed(0.1, 0.2)) for _ in range(3)]
    plain = pool_of(utterances, FrameChunks(label, 1))
    shuffled = pool_of(utterances, FrameChunks(label, 1), generator_of(1))
    assert plain.chunks.tolist() != shuffled.chunks.tolist()
    assert sorted(plain.chunks.tolist()) == sorted(shuffled.chunks.tolist())


def test_minibatches_are_of_nearly_equal_size() -> None:
    pool = pool_of([prepared(100, 0, 100)], FrameChunks(label, 1))
    sizes = [len(minibatch.inputs) for minibatch in pool.minibatches(32, 0, 0)]
    assert sizes == [33, 33, 34]
    assert [len(m.inputs) for m in pool.minibatches(1000, 0, 0)] == [100]


def test_an_empty_pool_gives_no_minibatch() -> None:
    assert list(pool_of([], FrameChunks(label, 1)).minibatches(4, 1, 1)) == []


# Whole utterances


def test_a_timed_keyword_is_a_target_with_slack_around_it() -> None:
    cut = WholeUtterances(slack_s=0.05)(prepared(100, 10, 90, timed(0.30, 0.40)), None)
    assert cut.chunks.tolist() == [[10, 80]]
    assert cut.targets == (Target(0, (1,), 15, 35, timed=True),)  # frames 25 .. 44, from frame 10
    assert (cut.labels == 0).all()


def test_an_untimed_keyword_may_be_anywhere() -> None:
    cut = WholeUtterances(0.1)(prepared(50, 0, 50, Marks((Occurrence(0, (1, 2)),))), None)
    assert cut.targets == (Target(0, (1, 2), 0, 50, timed=False),)


def test_a_keyword_that_the_crop_cuts_through_is_ignored() -> None:
    cut = WholeUtterances(0.0)(prepared(100, 35, 100, timed(0.30, 0.40)), None)
    assert cut.targets == ()
    assert cut.labels[35:40].tolist() == [IGNORED] * 5
    assert (cut.labels[40:] == 0).all()


def test_a_keyword_with_more_units_than_frames_is_no_target() -> None:
    assert (
        WholeUtterances(0.1)(prepared(1, 0, 1, Marks((Occurrence(0, (1, 2)),))), None).targets == ()
    )


def test_targets_follow_their_utterance_through_shuffling_and_minibatches() -> None:
    utterances = [
        prepared(20 + i, 0, 20 + i, Marks((Occurrence(0, (1,)),) if i % 2 else ()))
        for i in range(9)
    ]
    pool = pool_of(utterances, WholeUtterances(0.1), generator_of(5))
    seen = 0
    for minibatch in pool.minibatches(4, 1, 1):
        lengths = (minibatch.labels != IGNORED).sum(dim=1)
        for target in minibatch.targets:
            assert lengths[target.chunk] % 2 == 1
            assert target.end == lengths[target.chunk]
            seen += 1
        assert minibatch.inputs.shape[1] == minibatch.labels.shape[1] + 2
    assert seen == 4


# Examples


def make_examples(
    recordings: Recordings, *, options: ExampleOptions, augmenter: Augmenter | None = None
) -> Examples:
    negatives = np.array([1])
    return Examples(
        recordings, pipeline(), FrameChunks(label, 4), (5, 3), options, negatives, augmenter
    )


def augmenter() -> Augmenter:
    return Augmenter(AugmentOptions(), [noise(RATE, 9)], [np.array([1.0, 0.5])], RATE)


def two_recordings() -> Recordings:
    return recordings_of(["a", "b"], [noise(4 * RATE, 1), noise(2 * RATE, 2)], RATE)


def same(a: Pool, b: Pool) -> bool:
    pairs = ((a.features, b.features), (a.labels, b.labels), (a.chunks, b.chunks))
    return a.targets == b.targets and all(np.array_equal(x, y) for x, y in pairs)


def test_a_pool_depends_on_its_job_alone() -> None:
    options = ExampleOptions(crop_s=1.5, join_probability=0.5, min_length_s=1.0)
    examples = make_examples(two_recordings(), options=options, augmenter=augmenter())
    job = Job((0, 1, 2), (0, 1), (timed(1.0, 1.5), Marks()))
    pool = examples[job]
    _ = examples[replace(job, seed=(0, 1, 3))]
    torch.manual_seed(123)
    again = make_examples(two_recordings(), options=options, augmenter=augmenter())
    assert same(again[job], pool)
    assert not same(again[replace(job, seed=(0, 1, 3))], pool)


def test_without_augmentation_a_pool_holds_the_features_of_the_recordings() -> None:
    recordings = two_recordings()
    options = ExampleOptions(crop_s=10.0)
    pool = make_examples(recordings, options=options)[Job((0, 0, 0), (0, 1), (Marks(), Marks()))]
    whole = [
        pipeline()(torch.from_numpy(recordings[i].astype(np.float32))[None])[0].numpy()
        for i in range(2)
    ]
    np.testing.assert_array_equal(pool.features, np.concatenate(whole))


def test_a_crop_of_audio_and_a_crop_of_cached_features_have_the_same_frames() -> None:
    # an augmenter that changes nothing makes Examples take the way over the audio
    nothing = AugmentOptions(
        rir_probability=0,
        gain_db_min=0,
        gain_db_max=0,
        speed_percents=(100,),
        vtln_warp_min=1,
        vtln_warp_max=1,
        time_masks=0,
        freq_masks=0,
    )
    recordings = two_recordings()
    options = ExampleOptions(crop_s=1.0)
    job = Job((0, 0, 0), (0,), (timed(2.0, 2.5),))
    cached = make_examples(recordings, options=options)[job]
    audio = make_examples(recordings, options=options, augmenter=Augmenter(nothing, [], [], RATE))[
        job
    ]
    assert len(cached.chunks) > 0
    (from_cache,) = cached.minibatches(1000, 5, 3)
    (from_audio,) = audio.minibatches(1000, 5, 3)
    # a crop begins between two frames, so its frames lie up to half a shift beside the cached ones
    assert abs(from_cache.labels.numel() - from_audio.labels.numel()) <= len(cached.chunks)
    assert int((from_cache.labels == 1).sum()) == pytest.approx(
        int((from_audio.labels == 1).sum()), abs=1
    )


def test_labels_follow_the_speed() -> None:
    """A loud word is loud where its label says, whatever the speed."""
    samples = (noise(3 * RATE, 4) / 100).astype(np.int16)
    samples[RATE : RATE + RATE // 2] = noise(RATE // 2, 5)
    recordings = recordings_of(["a"], [samples], RATE)
    options = AugmentOptions(
        rir_probability=0, speed_percents=(85, 115), time_masks=0, freq_masks=0
    )
    examples = Examples(
        recordings,
        pipeline(),
        FrameChunks(label, 4),
        (0, 0),
        ExampleOptions(),
        NO_INDICES,
        Augmenter(options, [], [], RATE),
    )
    lengths = set()
    for seed in range(6):
        pool = examples[Job((seed,), (0,), (timed(1.0, 1.5),))]
        energy = pool.features.mean(axis=1)
        loud = energy > (energy.max() + energy.min()) / 2
        # frames are 25 ms long: two on each side may be undecided
        assert (loud != (pool.labels == 1)).sum() <= 4
        lengths.add(len(pool.features))
    assert len(lengths) == 2


@pytest.mark.parametrize("percent", [50, 100, 200])
def test_a_crop_keeps_its_context_at_any_speed(percent: int) -> None:
    left, right = 40, 30
    examples = Examples(
        recordings_of(["a"], [noise(6 * RATE)], RATE),
        pipeline(),
        FrameChunks(label, 4),
        (left, right),
        ExampleOptions(crop_s=1.0),
        NO_INDICES,
        Augmenter(AugmentOptions(speed_percents=(percent,)), [], [], RATE),
    )
    middle = examples[Job((0,), (0,), (timed(2.5, 3.5),))]
    first, low, high, _ = middle.chunks.min(axis=0)
    last = max(chunk[0] + chunk[3] - 1 for chunk in middle.chunks)
    assert first - low >= left
    assert high - last >= right


def test_short_utterances_are_put_into_silence() -> None:
    recordings = recordings_of(["a"], [noise(RATE)], RATE)
    examples = make_examples(recordings, options=ExampleOptions(min_length_s=2.0))
    pool = examples[Job((0,), (0,), (timed(0.2, 0.8),))]
    assert len(pool.features) == 198
    sounding = np.flatnonzero(pool.features.mean(axis=1) > 0)
    assert 98 <= len(sounding) <= 103
    spoken = np.flatnonzero(pool.labels == 1)
    # the word is 0.2 s after the beginning of the sound, wherever that is
    assert spoken[0] - sounding[0] == pytest.approx(20, abs=2)
    assert len(spoken) == pytest.approx(60, abs=1)


def test_short_utterances_are_joined_to_others() -> None:
    recordings = recordings_of(["a", "b"], [noise(RATE), np.zeros(RATE, np.int16)], RATE)
    examples = make_examples(recordings, options=ExampleOptions(join_probability=1.0))
    places = set()
    for seed in range(8):
        pool = examples[Job((seed,), (0,), (timed(0.2, 0.8),))]
        assert len(pool.features) == 298  # joined until it is as long as a crop, 3 s
        sounding = np.flatnonzero(pool.features.mean(axis=1) > 0)
        spoken = np.flatnonzero(pool.labels == 1)
        assert spoken[0] - sounding[0] == pytest.approx(20, abs=2)
        places.add(round(sounding[0] / 100))
    assert places == {0, 1, 2}  # two others after it, one on each side, two before it


def test_an_utterance_shorter_than_a_frame_is_passed_over() -> None:
    recordings = recordings_of(["a", "b"], [noise(100), noise(0)], RATE)
    for one in (None, augmenter()):
        examples = make_examples(recordings, options=ExampleOptions(), augmenter=one)
        pool = examples[Job((0,), (0, 1), (Marks(), Marks()))]
        assert len(pool.chunks) == 0
        assert list(pool.minibatches(4, 1, 1)) == []
