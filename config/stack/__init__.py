"""The local servers and their launcher: `python -m config.stack run` gives a bare machine all Earshot needs.

The story of a start, in the order of the modules:

1. `__main__.py` reads the command line; `launch.py` tells the start from the first line to the last.
2. `place.py` is the data directory: its lock, its secrets, its ports, the file that says where everything is;
   `layout.py` numbers how it is laid out, and `removal.py` takes it back.
3. `servers.py` starts the five servers side by side; `postgresql.py`, `mongodb.py`, `redis.py` and
   `objects.py` know how each is made, started and asked whether it answers.
4. `binaries.py` decides where each comes from: a variable names a running one, a fit program is on the PATH,
   or one came as a Python package.
5. `applications.py` is the table of our own processes: web, which comes first, then beat and workers.
6. `processes.py` starts and ends one process, `readiness.py` waits until it answers, `supervisor.py` keeps
   many alive and stops them in order, and `logs.py` rotates what they say.
7. `screen.py` prints what happens, a line at a time.

Before there is an environment at all, `supported.py` says whether there can be one.

Nothing here imports Django or Celery: the launcher stays small beside what it launches. Everything starts
from the main thread, because Linux ties "end with the parent" to the thread that started the child.
"""
