"""What somebody is called in what was measured, and everybody who is named there."""

from contextlib import suppress
from itertools import chain

from metrics import dubbing, hours, person_keys, recent
from metrics.erasing import Subject
from metrics.errors import BadPersonKey
from metrics.segments import own_user_of, person_key_of


def called(subject: Subject) -> list[tuple[str, str | None]]:
    """The ids that segments and sessions have for them, each with its platform.

    One of our users is the same on every platform; any other id is another person's elsewhere. A platform's id of the
    form of our users' is nobody's here: none is taken in.
    """
    own = [] if subject.user_id is None else [(person_keys.of_user(subject.user_id), None)]
    others = [(id_there, platform) for platform, id_there in subject.identities if own_user_of(id_there) is None]
    return [*own, *others]


def candidates(tenant_id: int) -> set[str]:
    """The person keys of everybody whom Redis, hours and dubbing sessions name.

    They are read some at a time; what is held is one key for each person. Raises RetryableMetricsError.
    """
    keys = set()
    for platform, user_id in chain(recent.people(tenant_id), hours.people(tenant_id), dubbing.people(tenant_id)):
        # Nobody can have been forgotten who cannot be named.
        with suppress(BadPersonKey):
            keys.add(person_key_of(platform, user_id))
    return keys
