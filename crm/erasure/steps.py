"""What is asked of every store, in order. It reads aloud; nothing else knows the order."""

from dataclasses import dataclass

from audio.erasing import live, rows, sound, state
from calls.erasing import conversations, mentions, search_index, waiting
from crm.erasure import account, contact, passes
from crm.models import StoreRow
from crm.person_exports import erasing as person_exports
from metrics.erasing import Erasable
from metrics.erasing_steps import alerts, dubbing_sessions, files, hours, pseudonyms, recent


@dataclass(frozen=True, slots=True)
class Step:
    """`store` is one of the names that the product's users rely on, `words` says what of it.

    One that only follows has nothing of anybody unless another step had.
    """

    store: str
    words: str
    module: Erasable
    only_follows: bool = False

    def row(self, *, found: int = 0) -> StoreRow:
        return StoreRow(store=self.store, step=self.words, found=found, erased=0, left=None, found_again=None)


STEPS: tuple[Step, ...] = (
    Step("queue", "recordings that go on, with their work and sockets", live),
    Step("queue", "conversations that wait, and those given up", waiting),
    Step("objects", "sound", sound),
    Step("objects", "exports of the person", person_exports),
    Step("redis", "events, standings and cached sound of recordings", state),
    Step("postgres", "recordings", rows),
    Step("mongodb", "calls", conversations),
    Step("mongodb", "mentions in calls of others", mentions),
    Step("postgres", "what search looks through", search_index),
    Step("redis", "segments of the last days", recent),
    Step("timeseries", "hours of figures", hours),
    Step("dubbing_sessions", "live-dubbing sessions", dubbing_sessions),
    Step("postgres", "alerts: addresses, messages, acknowledgements", alerts),
    Step("postgres", "the account of a colleague", account),
    Step("postgres", "the contact of a customer", contact),
    Step("redis", "tickets and counted attempts", passes),
    Step("redis", "files of Redis, written anew", files, only_follows=True),
    Step("archive", "keys of pseudonyms", pseudonyms),
)
