"""The third tier: days of figures in the archive, for years, without anybody's name.

1. When no segment of a day can come any more, `archiving` takes it up (`archive_days`, by beat, two days later).
2. `tables` makes two tables of what hours and days say of it, whose columns are in `schema`: days, by channel and
   pipeline, and people, by a pseudonym that is another one each day.
3. `writing` puts them into the archive as Parquet, named by their checksum (`objects`), reads them back, holds every
   sum against the tier below (`verification`), and only then says in PostgreSQL that the day is there (`ArchivedDay`).
4. `keeping` lets the tier below go on holding what is not verified, and erases what is older than the archive's years.
5. `reading` reads days and people again; `asking` puts one question over all three tiers.
6. Where the database has lost what is archived, `finding` learns it from the objects.
"""

from metrics.archived.archiving import Report, Step, archive_days
from metrics.archived.finding import Finds, find
from metrics.archived.keeping import hold, retire
from metrics.archived.reading import ArchiveSize, by_day, days_there, of_user, size, table
from metrics.archived.verification import verify_days

__all__ = [
    "ArchiveSize",
    "Finds",
    "Report",
    "Step",
    "archive_days",
    "by_day",
    "days_there",
    "find",
    "hold",
    "of_user",
    "retire",
    "size",
    "table",
    "verify_days",
]
