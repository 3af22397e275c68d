import pytest
from django.db import transaction
from django.test import Client

from crm import live, passwords, people, tokens
from crm.models import Token
from tests.builders import make_user
from tests.sockets import heard


def sign_out_of_one_browser(person):
    client = Client()
    client.force_login(person)
    client.post("/sign-out/")


def revoke_a_token(person):
    tokens.issue(person, name="recorder")
    tokens.revoke(Token.objects.get(user=person))


def heard_while(person, act):
    """What the group of the person's watchers hears because of an act."""
    return heard(live.group_of(person.pk), lambda: act(person))


@pytest.mark.parametrize(
    "act",
    [
        sign_out_of_one_browser,
        revoke_a_token,
        people.sign_out_everywhere,
        lambda person: people.change(person, is_active=False),
        lambda person: people.change(person, role="supervisor"),
        lambda person: passwords.change(person, "another-long-pass-phrase"),
    ],
    ids=["sign-out", "revoke", "sign-out everywhere", "deactivation", "role", "new password"],
)
def test_whoever_watches_is_told_that_rights_have_changed(agent, act):
    assert heard_while(agent, act) == [{"type": "rights.changed"}]


def test_what_was_undone_is_not_announced(agent):
    def undone(person):
        with transaction.atomic():
            people.change(person, role="supervisor")
            transaction.set_rollback(True)
        people.change(person, name="New Name")
        live.rights_changed(person.pk)

    assert len(heard_while(agent, undone)) == 1


def test_a_layer_that_is_away_stops_nobody(agent, tenant, settings):
    make_user(tenant, "admin")
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:9/0"]},
        }
    }
    assert people.change(agent, is_active=False).is_active is False
