"""Options that several commands have, so that they mean and say the same in all of them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Threshold of every keyword, in place of those of the model.",
    ),
]
MAX_OVERSHOOT_S = 0.5  # kws.data.segments has the same, and is slow to import
MaxOvershoot = Annotated[
    float,
    typer.Option(
        "--max-overshoot",
        metavar="S",
        min=0,
        help="Cut segments that end less than S seconds beyond their recording; leave others out.",
    ),
]
Refractory = Annotated[
    float | None,
    typer.Option(
        "--refractory-s",
        metavar="X",
        help="The least time between two events of a keyword, in seconds, in place of the model's.",
    ),
]
TellNested = Annotated[
    bool,
    typer.Option(
        "--tell-nested",
        help="Tell a keyword inside a longer one too, and at once: without it one event is told, "
        "the longest.",
    ),
]


def parse_channel(text: str) -> int | str:
    """The value of --channel."""
    if text == "mean":
        return text
    if not re.fullmatch("[0-9]{1,4}", text):
        raise typer.BadParameter(f"{text!r} is neither a channel, counted from 0, nor mean")
    return int(text)


ChannelOption = Annotated[
    Any,  # int | Literal["mean"] | None
    typer.Option(
        "--channel",
        metavar="N|mean",
        parser=parse_channel,
        help="The channel to hear, counted from 0, or the mean of all; without it the first.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="D",
        help="The input device, by number or a part of 'name, interface'; without it the system's.",
    ),
]
