"""The detector of an exported file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kws.errors import InputError
from kws.runtime.model import Model
from kws.runtime.stream import Stream


class Detector(Stream):
    """An exported file and a stream of samples through it.

        detector = Detector("jarvis.onnx")
        for chunk in microphone:
            for event in detector.process(chunk):
                print(event.keyword, event.confidence)

    `stream()` gives further streams of the same loaded file. Pickled, in the middle of a stream
    too, it goes on where it was wherever the file is at the same place and the same.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int = 16000,
        *,
        thresholds: float | Mapping[str, float] | None = None,
        refractory_s: float | None = None,
        tell_nested: bool = False,
    ) -> None:
        """Load a file and begin a stream.

        Args:
            path: what `kws export` wrote.
            sample_rate: of the samples to come, in Hz.
            thresholds: one for all keywords, or of some by name; the others, or all for None, have
                the file's.
            refractory_s: the least time between two triggers of a keyword; None: the file's.
            tell_nested: tell keywords inside longer ones too, see `Stream`.

        Raises:
            InputError: a file that cannot be used, another sample rate than the file's, a
                keyword without a threshold, an unknown one, or a number that cannot be one.
        """
        model = Model.load(path)
        if sample_rate != model.metadata.sample_rate:
            raise InputError(
                f"{path}: takes samples at {model.metadata.sample_rate} Hz, not {sample_rate} Hz; "
                "convert them (kws.audio.resample_chunks)"
            )
        super().__init__(model, thresholds, refractory_s, tell_nested)
