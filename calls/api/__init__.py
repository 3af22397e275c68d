"""Calls over REST: the calls themselves, their words, what is estimated of them."""
