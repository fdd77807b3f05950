"""Metadata of an exported file that exists only as far as explaining needs it."""

from __future__ import annotations

from kws.runtime import Keyword, Metadata


def metadata(
    keywords: tuple[Keyword, ...] = (Keyword("view glass", (1, 2)),),
    confidence: str = "ordered",
    w_max: int = 100,
    refractory_s: float = 1.0,
) -> Metadata:
    """Frames of 10 ms, the first at 0; units <filler>, view, glass."""
    return Metadata(
        sample_rate=16000,
        frame_shift_s=0.01,
        frame_offset_s=0.0,
        units=("<filler>", "view", "glass"),
        keywords=keywords,
        posterior={"w_smooth": 1, "w_max": w_max, "confidence": confidence},
        refractory_s=refractory_s,
        operating_points={},
        state_size=1,
        settled_frames=None,
        weights="float32",
        network="",
        features="",
        card={},
    )
