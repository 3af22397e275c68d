"""Backups: all stores into a directory, and back into empty ones.

1. A backup is a directory of its own below the one that is named, with `manifest.json` written last: without it, it
   was cut off (`places.py`, `manifest.py`).
2. The order makes it whole (`making.py`): the sound that is there, what waits in Redis, the rows that tell of it, the
   calls it becomes, segments, and the objects that rows name by now. What moves on meanwhile is there twice rather
   than not at all, and every store takes the same twice as once.
3. An object is kept once, under the digest of its content, for all backups that have it (`objects.py`).
4. The ledger of erasures, the keyring and certificates stay where they are, in the archive: no backup has them, and no
   restore touches them. A restore ends by obeying the ledger again (`restoring.py`).
5. Redis has a note while a restore goes on; nothing is served from what is half there.

Each store's own way out and back is behind its door: `metrics/mongo_dumps.py`, `metrics/redis_dumps.py`,
`metrics/buckets.py`; PostgreSQL's programs are in `postgresql.py`.
"""
