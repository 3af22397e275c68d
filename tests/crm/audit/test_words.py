"""Every act that anything of ours declares or writes has plain words."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.test import RequestFactory

from config import access
from crm.admin import scoping
from crm.audit import words
from crm.models import User

ROOT = Path(__file__).resolve().parents[3]
APPS = ("audio", "calls", "crm", "metrics")
_ACT = re.compile(r"[a-z_]+\.[a-z_]+")
_DONE = re.compile(r'(?:write_down|write_down_of|write_down_about|_write_each)\((?:request, )?"([a-z_]+)"')
# What a list of the admin writes down by itself, beside what its actions do.
_OF_A_LIST = ("listed", "read")
_OF_A_FORM = {"made": "has_add_permission", "changed": "has_change_permission", "removed": "has_delete_permission"}


def declared():
    return {act for door in access.doors() for act in door.acts}


def written_by_name():
    """The acts that are written as literals: the first argument of `acts.write`, and `act=` of an action."""
    found = set()
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in {
                    "write",
                    "Action",
                }:
                    found |= {
                        one.value
                        for one in node.args
                        if isinstance(one, ast.Constant) and isinstance(one.value, str) and _ACT.fullmatch(one.value)
                    }
    return found


def asked_by():
    """Requests of those who may do most in the admin: who runs the site, and a company's admin."""
    for user in (User(is_superuser=True), User(role="admin", tenant_id=1)):
        request = RequestFactory().get("/admin/")
        request.user = user
        yield request


def written_by_the_admin():
    """Lists and forms write by their kind of rows; actions name what was done."""
    found = set()
    for shown in admin.site._registry.values():
        ours = [kind for kind in type(shown).__mro__ if kind.__module__.startswith("crm.admin.")]
        # What every list and form of ours writes by itself stands in `scoping`, and above.
        source = "".join(inspect.getsource(kind) for kind in ours if kind.__module__ != scoping.__name__)
        done = set(_DONE.findall(source)) | set(_OF_A_LIST)
        done |= {word for word, may in _OF_A_FORM.items() if any(getattr(shown, may)(asked) for asked in asked_by())}
        found |= {f"{shown.kind}.{one}" for one in done}
    return found


@pytest.mark.parametrize("act", sorted(declared() | written_by_name()))
def test_an_act_has_words(act):
    assert words.has_words(act), f"crm/audit/words.py has no words for {act}"


def test_what_the_admin_writes_has_words():
    found = written_by_the_admin()
    assert {"recording.objects_verified", "schedule.sent", "token.revoked", "contact.listed"} <= found
    assert not {act for act in found if not words.has_words(act)}


def test_every_kind_of_act_has_a_name_and_every_door_words():
    assert {act.partition(".")[0] for act in words.all_acts()} == set(words.KINDS)
    assert {"page", "api", "socket", "admin", "command", "task"} == set(words.DOORS)


def test_words_read_on_after_a_name():
    for act in words.all_acts():
        phrase = words.of_act(act)
        assert phrase[0].islower(), phrase
        assert not phrase.endswith("."), phrase


def test_an_act_of_another_version_is_told_in_its_own_words():
    assert words.of_act("recording.hummed_along") == "recording: hummed along"
    assert words.of_thing("old_thing") == "old thing"
