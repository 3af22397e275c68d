"""Alerts: a company is told when a figure goes out of bounds, once, and when it is back.

1. Each company has a rule of every kind (`kinds.py`, `rules.py`), with thresholds that hold until its admins change
   them.
2. Every half minute `watching.watch` reads the figures of all companies (`readings.py`), compares them with the rules
   (`evaluation.py`) and opens, keeps or resolves alerts (`lifecycle.py`). A unique index lets one go on for each rule
   and subject, however many look.
3. With an alert, in the same transaction, come the deliveries to the company's destinations (`deliveries.py`,
   `destinations.py`). Workers send them through the one door for webhooks and mail (`metrics/notify.py`), and try
   again until they are taken or time is up.
4. People acknowledge an alert, or close it by hand; `standing.py` has what goes on and what went on.
"""

from metrics.alerts.lifecycle import acknowledge, close, find
from metrics.alerts.standing import history, open_of

__all__ = ["acknowledge", "close", "find", "history", "open_of"]
