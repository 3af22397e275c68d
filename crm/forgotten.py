"""Whose data is not written here any more, by digest; asked wherever the desk writes of a person."""

from metrics.registers import Register

_register = Register("crm")

is_forgotten = _register.is_forgotten
among = _register.among
forget = _register.forget
forget_digests = _register.forget_digests
