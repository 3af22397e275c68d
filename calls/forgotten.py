"""Whose data is not written here any more, by digest; asked wherever a call is opened or takes words in.

A call of which something was erased is known besides, by a digest of its id: it may be sent again, by a program that
repeats itself or from what a backup brought back, and name nobody then who is forgotten. It is not made anew.
"""

from metrics.registers import Register, RegisterOfThings

_register = Register("calls")
_calls = RegisterOfThings("calls.erased", kind="call")

is_forgotten = _register.is_forgotten
among = _register.among
forget = _register.forget
forget_digests = _register.forget_digests

is_erased_call = _calls.is_forgotten
erased_among = _calls.among
forget_calls = _calls.forget_digests
# What the ledger of erasures has of a call, so that it can fill the register again.
digest_of_call = _calls.digest_of
