"""What the code last wrote into the schedules that people may edit."""

from django.db import models


class DeclaredSchedule(models.Model):
    """A default schedule as it was written when it was last made or changed by us.

    A schedule that reads otherwise by now has been edited, and belongs to who did.
    """

    name = models.CharField(max_length=200, primary_key=True)
    # {"task", "every": seconds or null, "crontab": "m h dM MY d" or null, "queue", "expires": seconds}
    values = models.JSONField()

    def __str__(self) -> str:
        return self.name
