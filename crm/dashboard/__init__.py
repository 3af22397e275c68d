"""The dashboard: one reading of all that is measured, for a company and a question.

1. A question (`questions.py`) is a stretch of time and what it is narrowed to: a channel, a person, a pipeline.
2. The company's own figures are those of its segments (`segments.py`), from all three tiers as one, and its alerts
   (`alarms.py`).
3. What all companies of the server share is how the server does (`server.py`): the queue of conversations, the workers'
   queues, how long operations take, the tiers themselves.
4. Each of these is a part, read on its own (`reading.py`): when a store is away, its parts are missing, with a sentence
   that says so, and the others are there.
5. Who watches asks the same as others do, who also watch; one task reads for all of them (`watching.py`).
"""

from crm.dashboard.questions import Question, question_of
from crm.dashboard.reading import Reading, read

__all__ = ["Question", "Reading", "question_of", "read"]
