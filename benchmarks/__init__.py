"""What things cost: each beside the usual way of doing it and the least that it can cost, all in one run.

`make bench` starts servers of its own and runs `python -m benchmarks`. A suite is a module with a function that gives
rows one after another (`suites.py` lists them); `measuring.py` times variants that take turns, `rows.py` says what a
row is and holds it to its target, `report.py` prints and writes the rows. docs/performance.md tells what they mean.
"""

import os

import django
from django.apps import apps

# The suites call the apps' own verbs, whose modules are imported with the suites.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if not apps.ready:
    django.setup()
