"""Sessions of live dubbing."""

from metrics import dubbing
from metrics.erasing import Progress, Subject, untold
from metrics.erasing_steps.people import called


def count(subject: Subject) -> int:
    return sum(
        dubbing.count_user(subject.tenant_id, user_id, platform=platform) for user_id, platform in called(subject)
    )


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    erased = 0
    for user_id, platform in called(subject):
        theirs = dubbing.erase_user(subject.tenant_id, user_id, platform=platform)
        progress(theirs)
        erased += theirs
    return erased


def search(subject: Subject) -> int:
    names = called(subject)
    return dubbing.search(subject.tenant_id, names) if names else 0
