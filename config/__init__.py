"""The switchboard: settings, urls, the two doors (ASGI and Celery), errors to HTTP, health, the local servers.

It sees every app and no app imports it. Read in this order:

1. `environment.py` reads the variables, `settings.py` says what they mean.
2. `asgi.py` takes a request or a socket, `gate.py` turns away what is too large, too slow or from elsewhere, and
   `urls.py` finds the view.
3. `celery.py` takes a task from a queue; `schedule.py` says what is due when, `beat.py` sends it, one leader at a time.
4. `errors.py` says what a domain error means over HTTP; `access.py` lists every door and whom it opens to.
5. `health.py` says whether all is well, `sign_of_life.py` that what has no port goes on, and `doctor.py` what to do
   when something is not.
6. `stack/` runs the servers all of this needs on a machine that has none.

Nothing is imported here: the launcher in `stack/` starts without Django and Celery in its memory.
"""
