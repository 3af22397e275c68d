"""Segments of the last 24 hours in full, and sums of what no filling has taken yet. The one door to these keys of the
Redis that keeps, where `{hour}` is `dubbing:segment:{YYYYMMDDHH}:{tenant_id}`:

* `{hour}:groups`, a hash: the number of each group in this hour → the group, and the group → its number,
* `{hour}:of:{number}`, a list: the group's segments, packed (`layout.py`), in order of receipt, for 24 hours,
* `{hour}:sums`, a hash: number → the group's totals, without latency,
* `{hour}:minutes:{pipeline}:{channel_id}`, a hash: minute → totals with latency; without a channel, of all of them,
* `{hour}:channels`, a set: `{pipeline}:{channel_id}` of each channel there is,
* `{hour}:names:{kind}`, sets: the stages and languages that are told apart in this hour,
* `{hour}:state`, a hash: which epoch of the hour this is, how often it was written and by which write last, which
  fillings were begun, how much there is,
* `dubbing:segment:seen:{tenant_id}:{YYYYMMDD}:{session}`, a set: digests of the segments of one session that came on
  that day, by which one that comes again is known,
* `dubbing:segment:active:{tenant_id}:{pipeline}:{channel_id}`, sorted by last receipt: the groups of the last hours,
* `dubbing:segment:user:{tenant_id}:{user_id}`, sorted by hour: the groups of one user,
* `dubbing:segment:waiting` and `dubbing:segment:hours`, sorted by hour: those to be filled, and those that are there.

Sums live until their hour is filled and closed, at most EARSHOT_METRICS_CATCH_UP_DAYS. A batch is one step for each of
its hours (`writing.py`, `scripts.py`), which counts each segment or, where one is known already, changes nothing.
"""

from metrics.recent.copying import copied
from metrics.recent.fillings import HourState, begin_filling, states
from metrics.recent.reading import (
    ALL_CHANNELS,
    HourReading,
    MinuteTotals,
    RecentSize,
    count_user,
    drop_filled,
    erase_user,
    hours,
    mark_filled,
    minutes,
    newest,
    of_user,
    ping,
    read_hour,
    segments_of_user,
    size,
    there,
    waiting,
    waiting_of,
)
from metrics.recent.searching import people, search
from metrics.recent.writing import write

__all__ = [
    "ALL_CHANNELS",
    "HourReading",
    "HourState",
    "MinuteTotals",
    "RecentSize",
    "begin_filling",
    "copied",
    "count_user",
    "drop_filled",
    "erase_user",
    "hours",
    "mark_filled",
    "minutes",
    "newest",
    "of_user",
    "people",
    "ping",
    "read_hour",
    "search",
    "segments_of_user",
    "size",
    "states",
    "there",
    "waiting",
    "waiting_of",
    "write",
]
