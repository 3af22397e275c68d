"""Whose data is not written here any more, by digest; asked wherever a call is opened or takes words in."""

from metrics.registers import Register

_register = Register("calls")

is_forgotten = _register.is_forgotten
among = _register.among
forget = _register.forget
forget_digests = _register.forget_digests
