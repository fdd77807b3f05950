"""The recordings that `kws features` works on, at the sample rate that the features are for."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kws.audio import Channel, Waveform
    from kws.features import FeatureOptions

logger = logging.getLogger(__name__)


class Take(NamedTuple):
    """One utterance to be worked on."""

    utterance: str
    speaker: str
    waveform: Waveform

    def owner(self, cmvn: str) -> str:
        """Whose CMVN statistics it is normalised with, where they are of the kind `cmvn`."""
        return {"speaker": self.speaker, "utterance": self.utterance}.get(cmvn, "")


def read_takes(
    source: str,
    options: FeatureOptions,
    allow_commands: bool,
    max_overshoot_s: float,
    channel: Channel,
) -> tuple[Iterator[Take], int | None]:
    """The utterances of a data dir or a table, and how many there are where that is known."""
    from kws.data import read_data_dir
    from kws.errors import InputError
    from kws.kaldi import is_specifier, read_waves

    total = None
    if is_specifier(source):
        waves = read_waves(source, allow_commands=allow_commands, channel=channel)
        found = (Take(key, key, waveform) for key, waveform in waves)
    else:
        data = read_data_dir(
            source, allow_commands=allow_commands, max_overshoot_s=max_overshoot_s, channel=channel
        )
        if not data.utterances:
            raise InputError(f"{source}: holds no utterances; nothing can be computed")
        total = len(data.utterances)
        found = (Take(u.id, u.speaker, data.load(u)) for u in data.utterances)
    return _at_rate(found, options), total


def _at_rate(takes: Iterator[Take], options: FeatureOptions) -> Iterator[Take]:
    """The takes at the sample rate of the features, as allow-downsample and -upsample say."""
    import torch

    from kws.audio import NOTICES, Waveform, resample
    from kws.features import resample_as_kaldi

    wanted = options.sample_rate
    for take in takes:
        samples, rate = take.waveform.samples, take.waveform.sample_rate
        allowed = options.raw.allows(rate)
        if rate == wanted:
            yield take
        elif allowed is False:
            logger.warning(
                "%s: %d Hz, but sample-frequency=%d; left out, as allow-%s=false says",
                take.utterance,
                rate,
                wanted,
                "downsample" if rate > wanted else "upsample",
            )
        else:
            NOTICES.add(f"{rate} Hz converted to {wanted} Hz", take.utterance)
            if allowed:
                converted = resample_as_kaldi(torch.from_numpy(samples)[None], rate, wanted)
                samples = converted[0].numpy()
            else:
                samples = resample(samples, rate, wanted)
            yield take._replace(waveform=Waveform(samples, wanted))
