"""A plain Django project, as one would begin it: a view stores the file of a form, and a row that tells of it.

It looks at nothing that it is sent. `benchmarks/uploads.py` runs it on the same stores as ours, with settings of
its own: `DJANGO_SETTINGS_MODULE=benchmarks.plain.settings uvicorn benchmarks.plain.views:application`, and by threads:
`gunicorn --worker-class gthread benchmarks.plain.views:by_wsgi`.
"""
