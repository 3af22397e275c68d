"""What the page of the board holds before it asks for its cards."""

import json
import re

from django.test import Client
from django.urls import reverse

from tests.builders import make_user


def people_offered(user):
    client = Client()
    client.force_login(user)
    page = client.get(reverse("board-page")).content.decode()
    return json.loads(re.search(r'<script id="people"[^>]*>(.*?)</script>', page)[1])


def test_filters_offer_colleagues_to_those_alone_who_may_know_them(supervisor, agent):
    gone = make_user(agent.tenant, "agent", is_active=False)
    offered = [person["id"] for person in people_offered(supervisor)]
    assert sorted(offered) == sorted([supervisor.pk, agent.pk])
    assert gone.pk not in offered
    assert [person["id"] for person in people_offered(agent)] == [agent.pk]
