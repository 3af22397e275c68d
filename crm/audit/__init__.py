"""The audit log: who played, read, searched, exported, changed or erased what, so that nobody can quietly alter it.

1. A view, a page, a consumer or an admin class names its act: `audits = "recording.watched"`, or one act a method,
   `audits = {"GET": "recording.read"}`. Where one method may do one of several acts all are named, the usual first,
   and the request's `act` says when it was another. `None` says that there is nothing worth an entry, and why in a
   comment.
2. The middleware (`crm/middleware.py`) and the guard of the sockets (`crm/sockets.py`) write an entry when the act
   has been done (`acts.write`). It is one row in PostgreSQL, with our ids; what cannot be written down is not shown.
3. Every minute beat seals what has come in (`sealing.seal`): names and things get pseudonyms under the keys of the
   people concerned (`metrics/keyring.py`), and the entries of each company become a block whose hash holds the
   previous block's (`chain.py`). Destroying a person's key makes their entries anonymous without breaking the chain.
4. Each block's hash is written to the archive store too (its anchor), so that a whole chain that was made anew in
   the database, or cut off at its end, does not agree with it.
5. `manage.py verify_audit` computes everything again (`verification.verify`) and names every block that differs,
   and what has waited too long for its seal.
"""
