"""Erasing somebody: asked for, perhaps approved, done store by store, looked at again, and certified.

1. Somebody is named by an account, a contact or an id on a platform (`subjects.asked_of`); a dry run counts what is
   theirs in every store (`requests.preview`), and changes nothing.
2. They are to be erased (`requests.ask`). Where the company has it so, a second person approves and a time passes in
   which it can be cancelled; a legal hold stops it until that is lifted (`holds.py`). The state moves along
   ERASURE_MOVES and nowhere else (`states.py`).
3. A worker claims it (`running.run`) and first of all has every app forget them: from then on nothing of theirs is
   written any more. Only then is it collected what is theirs (`subjects.look`), so that nothing is missed.
4. Before anything is removed, an entry goes into the ledger (`ledger.py`), in the archive and so in no dump: digests
   under the archive's root secret, which name nobody to who does not have them already.
5. Each store is asked in turn to remove what is theirs (`steps.py` is the table, and reads aloud). Every step may die
   anywhere and be done again; rows in `ErasureRequest.stores` say how far it is.
6. Then every store is looked at again, also by other means than it was erased by. Only when nothing is left anywhere
   is it complete: a signed certificate goes into the archive (`certificates.py`), and what the request says of the
   person is emptied.
7. A store that comes back from a backup lacks the mark of having obeyed the ledger's later entries. At a start before
   anybody is served, and every minute, those are found and obeyed again (`replaying.py`).

Who has to be reminded that time runs out is reminded (`reminding.py`).
"""
