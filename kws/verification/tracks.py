"""A spotter's tracks: a recording at once, and in chunks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from kws.audio import background
from kws.detection import Detector
from kws.features.pipeline import FeatureState
from kws.nnet import NnetState, compute_in_blocks
from kws.spotter import Spotter
from kws.verification.comparison import Track

Waveform = np.typing.NDArray[np.float32]


@torch.no_grad()
def batch_track(spotter: Spotter, samples: Waveform, detector: Detector) -> Track:
    """What every stage makes of the whole recording and the background behind its end.

    Args:
        spotter: the chain.
        samples: (S,) at 16-bit scale.
        detector: the way from its confidences to events.
    """
    duration_s = len(samples) / spotter.sample_rate
    samples = np.concatenate((samples, background(samples, spotter.sample_rate)))
    features = spotter.features.raw(torch.from_numpy(samples)[None])
    posteriors = compute_in_blocks(spotter.nnet, spotter.features.from_raw(features))
    smoothed = spotter.smoothing(posteriors)
    confidences = spotter.confidence(smoothed)[0].numpy()
    scores = confidences, smoothed[0].numpy()
    return Track(
        features[0].numpy(),
        posteriors[0].numpy(),
        smoothed[0].numpy(),
        confidences,
        tuple(detector.finish(scores, detector.init_state(), duration_s)),
    )


@torch.no_grad()
def streaming_track(spotter: Spotter, chunks: Iterable[Waveform], detector: Detector) -> Track:
    """What the spotter makes of a stream of chunks; arguments as in `batch_track`."""
    features, posteriors, all_scores, events = [], [], [], []
    state, events_state = spotter.init_scores(), detector.init_state()

    def step(chunk: Waveform) -> tuple[FeatureState, NnetState]:
        """The inner stages: states are values, so that these can be run from them a second time."""
        samples = torch.from_numpy(chunk)[None]
        features.append(spotter.features.raw.step(samples, state.features.raw)[0])
        network_input, features_state = spotter.features.step(samples, state.features)
        outputs, nnet_state = spotter.nnet.step(network_input, state.nnet)
        posteriors.append(outputs)
        return features_state, nnet_state

    for chunk in chunks:
        step(chunk)
        scores, state = spotter.step_scores(chunk, state)
        found, events_state = detector.step(scores, events_state)
        all_scores.append(scores)
        events += found
    features_state, nnet_state = step(spotter.background(state))
    features.append(spotter.features.raw.flush(features_state.raw))
    outputs, nnet_state = spotter.nnet.step(spotter.features.flush(features_state), nnet_state)
    posteriors += [outputs, spotter.nnet.flush(nnet_state)]
    scores = spotter.flush_scores(state)
    all_scores.append(scores)
    confidences, smoothed = (np.concatenate(parts) for parts in zip(*all_scores, strict=True))
    events += detector.finish(scores, events_state, state.num_samples / spotter.sample_rate)
    return Track(
        torch.cat(features, dim=1)[0].numpy(),
        torch.cat(posteriors, dim=1)[0].numpy(),
        smoothed,
        confidences,
        tuple(events),
    )
