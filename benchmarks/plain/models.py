from typing import ClassVar

from django.db import models


class Upload(models.Model):
    name = models.CharField(max_length=255)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # The benchmark makes the table, and drops it.
        managed = False
        db_table = "benchmark_upload"
        app_label = "plain"
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.name
