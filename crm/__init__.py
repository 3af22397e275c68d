"""The staff desk: who people are, what they may do, and the pages and admin they work with.

1. Everyone belongs to a tenant (`models.py`); superusers alone belong to none and run the site.
2. A person signs in with a session cookie (`pages.py`); a program carries a Bearer token (`tokens.py`); a
   WebSocket takes the cookie or a ticket, good once and for half a minute (`tickets.py`).
3. A view names the capability it needs; `request.user.may(…)` looks it up in the one table of roles (`roles.py`).
4. Customers are contacts (`contacts.py`), found by name, phone, e-mail or what a platform calls them.
5. Staff look after sessions and people in a tenant-scoped admin (`admin/`).

Whom the desk may write nothing of any more stands in `forgotten.py`.

It sees every app below and none of them sees it.
"""
