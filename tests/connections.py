"""Which Redis the doors in this process speak to."""

import sys
from functools import _lru_cache_wrapper
from inspect import signature

OURS = ("audio.", "calls.", "crm.", "metrics.", "config.")
# A client that nobody holds closes its connections, also those that a thread is just using.
_let_go = []


def forget_redis():
    """Every door makes its connection anew, to where the settings say now.

    A door that was first opened while they named another server, one that has ended since, would never get over it.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith(OURS) and hasattr(module, "connected"):
            for kept in list(vars(module).values()):
                if isinstance(kept, _lru_cache_wrapper):
                    if kept.cache_info().currsize and not signature(kept).parameters:
                        _let_go.append(kept())
                    kept.cache_clear()
