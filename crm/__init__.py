"""The staff desk: who people are, what they may do, and the pages and admin they work with.

1. Everyone belongs to a tenant (`models/`); superusers alone belong to none and run the site.
2. An admin adds a person (`people.py`) and passes on a link, by which that person chooses a password (`welcome.py`).
3. A person signs in with a session cookie, and guesses are slowed down (`sign_in.py`, `browser_sessions.py`); a
   program carries a Bearer token (`tokens.py`); a WebSocket takes the cookie or a ticket, good once and for half a
   minute (`tickets.py`).
4. A view names the capability it needs; `request.user.may(…)` looks it up in the one table of roles (`roles.py`).
   Whoever watches is told when rights change (`live.py`).
5. A company sets its own rules on one page, whichever app obeys them (`policies.py`).
6. Customers are contacts (`contacts.py`), found by name, phone, e-mail or what a platform calls them; by the last,
   or by a phone that no other one has, calls are given to them (`matching.py`).
7. What was done is written down, and nobody can quietly alter it (`audit/`).
8. Staff look after sessions and people in a tenant-scoped admin (`admin/`).
9. The board shows a company's calls by their statuses (`board.py`); what changes of it, or of a call that somebody
   looks at, is told by a socket (`consumers.py`, `board_readings.py`).

Whom the desk may write nothing of any more stands in `forgotten.py`.

It sees every app below and none of them sees it.
"""
