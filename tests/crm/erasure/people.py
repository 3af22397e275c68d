"""Somebody of whom every store has something, and where to look for what is left of them."""

import itertools
from datetime import UTC, datetime

from calls import opening, store
from calls.documents import Segment
from crm import tokens
from crm.contacts import Identity
from tests.builders import make_contact, make_dubbing_session, make_measured, make_session, make_user

_numbers = itertools.count(1)


def said(speaker, text):
    number = next(_numbers)
    return Segment(
        segment_id=f"s-{number}",
        speaker=speaker,
        text=text,
        start_time=float(number),
        end_time=number + 0.5,
        confidence=1.0,
    )


def make_call(user, *segments, **details):
    """The call's id."""
    given = {"start_time": datetime.now(UTC), **details}
    return opening.create_call(user, given, list(segments))[0]["call_id"]


def call_of(tenant, call_id):
    return store.find({"tenant_id": tenant.pk, "call_id": call_id})


def make_customer(tenant, agent, *, ident=None):
    """A contact with a phone, an address, an id and a call by two sides. Returns the contact and the call's id."""
    ident = ident or f"dana-{next(_numbers)}"
    phone = f"+49 40 {1000 + next(_numbers)}"
    contact = make_contact(
        tenant, "Dana Rivera", phones=[phone], emails=[f"{ident}@example.org"], identities=[Identity("chat", ident)]
    )
    call_id = make_call(
        agent,
        said("agent", "Good morning, how can I help?"),
        said("client", "My tractor is purple."),
        platform="chat",
        external_user_id=ident,
        user_id=agent.pk,
    )
    return contact, call_id


def make_colleague(tenant, role="agent", **values):
    """A colleague with a token, a recording, a figure and a session of live dubbing."""
    person = make_user(tenant, role, email=f"kim-{next(_numbers)}@example.org", **values)
    tokens.issue(person, name="recorder")
    make_session(person)
    make_measured(tenant.pk, f"user:{person.pk}")
    make_dubbing_session(tenant.pk, f"dub-{next(_numbers)}", user_id=f"user:{person.pk}")
    return person
