"""What a process loads when it starts stays until it ends, and Python's garbage collector has no business there.

Modules are some three hundred thousand objects. While they come into being the collector looks through them again and
again, which is a sixth of what a start takes; once they are there, it would stop everybody for a sixth of a second
whenever it looks for what is old. What is set aside before workers fork also stays shared between them.
"""

import gc


def begin() -> None:
    """From the settings, which Django reads before it loads any app."""
    gc.disable()


def end() -> None:
    """Once all apps are there, and again when more has been loaded. Nothing of it is ever looked at again."""
    gc.freeze()
    gc.enable()
