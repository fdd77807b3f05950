"""Transcripts in phones and the matrices that go with them, for the commands of phone models."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kws.data import Word
    from kws.features import FeatureOptions
    from kws.hmm import PhoneModel, Symbols

logger = logging.getLogger(__name__)


def phones_of(source: Path) -> dict[str, tuple[str, ...]]:
    """The phones of every utterance of a data dir, or of a file of transcripts."""
    from kws.evaluation.transcripts import read_transcripts

    return dict(read_transcripts(source).tokens)


def times_of(source: Path) -> Mapping[str, Sequence[Word]]:
    """The times of the phones, from the ctm of a data dir or a file with times."""
    from kws.errors import InputError
    from kws.evaluation.transcripts import read_transcripts

    times = read_transcripts(source).times
    if not times:
        raise InputError(f"{source}: gives no times; a data dir with a ctm is needed")
    return times


def matrices_of(source: str, allow_commands: bool) -> Iterator[tuple[str, Any]]:
    """Keys and matrices (T, D) of a table, or of a folder that `kws features` has written."""
    from kws.errors import InputError
    from kws.kaldi import read_matrices

    if Path(source).is_dir():
        script = Path(source) / "feats.scp"
        if not script.exists():
            raise InputError(f"{source}: has no feats.scp; name a folder of `kws features`")
        source = f"scp:{script}"
    return read_matrices(source, allow_commands=allow_commands)


def joined(
    phones: Mapping[str, Sequence[str]], matrices: Iterable[tuple[str, Any]], source: str
) -> Iterator[tuple[str, Sequence[str], Any]]:
    """Utterances that have both, phones and a matrix; how many do not is told."""
    from kws.errors import InputError

    found = 0
    for utterance, matrix in matrices:
        if utterance in phones:
            found += 1
            yield utterance, phones[utterance], matrix
    if not found:
        raise InputError(f"{source}: has none of the {len(phones)} utterances; are the ids equal?")
    if found < len(phones):
        logger.warning(
            "%s: lacks %d of %d utterances; left out", source, len(phones) - found, len(phones)
        )


@contextmanager
def placed(source: str, utterance: str) -> Iterator[None]:
    """Let errors in the block name the utterance and where it was read."""
    from kws.errors import InputError

    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {utterance}: {error}") from None


def clock_of(source: str) -> FeatureOptions:
    """The options that tell when a frame is: of a folder of `kws features`, else the default's."""
    from kws.features import FeatureOptions, parse_feature_options
    from kws.files import read_text

    path = Path(source) / "features.conf"
    if not path.exists():
        return FeatureOptions()
    return parse_feature_options(read_text(path), str(path))


def frame_centres_s(clock: FeatureOptions, num_frames: int) -> npt.NDArray[np.float64]:
    """The middle of every frame, in seconds: (num_frames,)."""
    import numpy as np

    return np.array([clock.frame_centre_s(frame) for frame in range(num_frames)])


def words_on_path(
    utterance: str, path: Any, model: PhoneModel, symbols: Symbols, clock: FeatureOptions
) -> list[Word]:
    """The phones of a path (T,) with their times: a border lies midway between two frames."""
    from kws.data import Word

    shift_s = clock.frame_centre_s(1) - clock.frame_centre_s(0)
    origin_s = clock.frame_centre_s(0) - shift_s / 2
    return [
        Word(
            utterance,
            origin_s + first * shift_s if first else 0.0,
            origin_s + end * shift_s,
            symbols.names[phone],
        )
        for phone, first, end in model.segments(path)
    ]
