"""The one door to hours and days in MongoDB, where figures live for EARSHOT_METRICS_HOURS_DAYS.

* `dubbing_metrics_ts`: a time series with a row for each hour and group of segments, to which rows are only added.
* `dubbing_metrics_fills`: for each hour, which rows count (`documents.py`).
* `dubbing_metrics_awaited`: which hours Redis has that are still to be filled (`awaited.py`).
* `dubbing_metrics_hours`: each hour by channel, with the sketch of its latency.
* `dubbing_metrics_days` and `dubbing_metrics_rolls`: the same by day, which are taken from the hours (`days.py`).
* `dubbing_metrics_removed`: which days of a tenant were removed on purpose and are not made again (`removing.py`).

Every function names the tenant, and asks for it within the query.
"""

from metrics.hours.collections import HoursSize, check, create, ping, set_life, size
from metrics.hours.documents import HourRow, HourTotals
from metrics.hours.erasing import count_user, erase_user, people, search
from metrics.hours.filling import Attempts, Outcome, attempts_of, fill, put_off
from metrics.hours.reading import (
    by_channel,
    by_hour,
    by_user,
    filled,
    of_user,
    rows_of_day,
    sum_of_user,
    tenants_of_day,
    unrolled,
)

__all__ = [
    "Attempts",
    "HourRow",
    "HourTotals",
    "HoursSize",
    "Outcome",
    "attempts_of",
    "by_channel",
    "by_hour",
    "by_user",
    "check",
    "count_user",
    "create",
    "erase_user",
    "fill",
    "filled",
    "of_user",
    "people",
    "ping",
    "put_off",
    "rows_of_day",
    "search",
    "set_life",
    "size",
    "sum_of_user",
    "tenants_of_day",
    "unrolled",
]
