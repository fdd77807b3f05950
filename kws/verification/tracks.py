"""A spotter's tracks: a recording at once, and in chunks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from kws.detection import Detector
from kws.nnet import compute_in_blocks
from kws.spotter import Spotter
from kws.streaming import run
from kws.verification.comparison import Track

Waveform = np.typing.NDArray[np.float32]


@torch.no_grad()
def batch_track(spotter: Spotter, samples: Waveform, detector: Detector) -> Track:
    """What every stage makes of the whole recording, as in training and evaluation.

    Args:
        spotter: the chain.
        samples: (S,) at 16-bit scale.
        detector: the way from its confidences to events.
    """
    features = spotter.features.raw(torch.from_numpy(samples)[None])
    posteriors = compute_in_blocks(spotter.nnet, spotter.features.from_raw(features))
    smoothed = spotter.smoothing(posteriors)
    confidences = spotter.confidence(smoothed)[0].numpy()
    events = run(detector, (confidences, smoothed[0].numpy()))
    return Track(
        features[0].numpy(),
        posteriors[0].numpy(),
        smoothed[0].numpy(),
        confidences,
        tuple(e for es in events for e in es),
    )


@torch.no_grad()
def streaming_track(spotter: Spotter, chunks: Iterable[Waveform], detector: Detector) -> Track:
    """What the spotter makes of a stream of chunks; arguments as in `batch_track`."""
    features, posteriors, all_scores, events = [], [], [], []
    state, events_state = spotter.init_scores(), detector.init_state()
    for chunk in chunks:
        # states are values: the inner stages can be run from them a second time
        samples = torch.from_numpy(chunk)[None]
        features.append(spotter.features.raw.step(samples, state.features.raw)[0])
        network_input, _ = spotter.features.step(samples, state.features)
        posteriors.append(spotter.nnet.step(network_input, state.nnet)[0])
        scores, state = spotter.step_scores(chunk, state)
        found, events_state = detector.step(scores, events_state)
        all_scores.append(scores)
        events += found
    features.append(spotter.features.raw.flush(state.features.raw))
    outputs, nnet_state = spotter.nnet.step(spotter.features.flush(state.features), state.nnet)
    posteriors += [outputs, spotter.nnet.flush(nnet_state)]
    scores = spotter.flush_scores(state)
    all_scores.append(scores)
    found, events_state = detector.step(scores, events_state)
    confidences, smoothed = (np.concatenate(parts) for parts in zip(*all_scores, strict=True))
    return Track(
        torch.cat(features, dim=1)[0].numpy(),
        torch.cat(posteriors, dim=1)[0].numpy(),
        smoothed,
        confidences,
        (*events, *found, *detector.flush(events_state)),
    )
