"""Whose data is not written here any more, by digest; asked wherever a recording is written."""

from metrics.registers import Register

_register = Register("audio")

is_forgotten = _register.is_forgotten
among = _register.among
forget = _register.forget
forget_digests = _register.forget_digests
