"""Names of events' files sort as the events do, whatever the clock does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from kws.runtime.event_names import EventNames

SUMMER = timezone(timedelta(hours=2))
WINTER = timezone(timedelta(hours=1))
START = datetime(2026, 10, 25, 2, 59, 59, 123456, tzinfo=SUMMER)
SECOND = timedelta(seconds=1)


def test_a_name_is_the_local_time_and_the_keyword() -> None:
    name = EventNames().name("hey größe/2", 3.0, START)
    assert name == "2026-10-25T02-59-59.123_hey_größe_2"


def test_the_end_of_summer_does_not_mix_the_events() -> None:
    names = EventNames()
    times = [START, (START + SECOND).astimezone(WINTER), (START + 2 * SECOND).astimezone(WINTER)]
    given = [names.name("a", float(peak_s), time) for peak_s, time in enumerate(times)]
    assert given == sorted(set(given))
    assert given[1] == "2026-10-25T02-59-59.124_a"
    # the clock itself goes on: when it has passed the last name it is the name again
    later = (START + 3600 * SECOND).astimezone(WINTER) + SECOND
    assert names.name("a", 3600.0, later) == "2026-10-25T03-00-00.123_a"


def test_a_near_miss_told_after_a_jump_forward_stays_before_what_came_later() -> None:
    names = EventNames()
    event = names.name("a", 10.0, START)
    near_miss = names.name("a", 9.0, START + 86400 * SECOND)
    assert near_miss < event < names.name("a", 11.0, START + 86402 * SECOND)


def test_times_that_are_told_out_of_order_keep_their_own_names() -> None:
    names = EventNames()
    names.name("a", 10.0, START)
    assert names.name("a", 8.0, START - 2 * SECOND) == "2026-10-25T02-59-57.123_a"
