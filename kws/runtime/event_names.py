"""Names of events' files: by the clock, but in the order of the events even if it jumps."""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime, timedelta

STEP = timedelta(milliseconds=1)  # names tell milliseconds
NUM_REMEMBERED = 64  # a near miss is told seconds after later events


class EventNames:
    """Gives each event of a stream a name.

    It begins with the local time, unless a clock that was put back (by the network's time, by the
    end of summer) would then name it before an earlier event, or one put forward after a later one.
    """

    def __init__(self) -> None:
        """Make it for a new stream."""
        self._given: deque[tuple[float, datetime]] = deque(maxlen=NUM_REMEMBERED)

    def name(self, keyword: str, peak_s: float, time: datetime) -> str:
        """The name of the next event.

        Args:
            keyword: what was heard.
            peak_s: when, in the stream's seconds.
            time: when, by the clock.
        """
        local = time.replace(tzinfo=None, microsecond=time.microsecond // 1000 * 1000)
        earlier = [given for other_s, given in self._given if other_s <= peak_s]
        later = [given for other_s, given in self._given if other_s > peak_s]
        local = max([local, *(given + STEP for given in earlier)])
        local = min([local, *(given - STEP for given in later)])
        self._given.append((peak_s, local))
        stem = f"{local.isoformat(timespec='milliseconds')}_{keyword}".replace(":", "-")
        return re.sub(r"[^\w.-]", "_", stem)
