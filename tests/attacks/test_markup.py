"""Markup in whatever people and programs may write stays text on every page, the admin's too."""

import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.urls import reverse

from audio.models import AudioSession
from calls.models import CallStatus
from calls.store.client import calls
from crm.models import Contact, ErasureRequest, LegalHold, PersonExport, Tenant, Token, User

ROOT = Path(__file__).resolve().parents[2]
BREAKING_OUT = "\"'></script><img src=x onerror=alert(1)>{{7*7}}"
# Of the pages, not of what Django brings for its admin.
SCRIPTS = [file for app in ("crm", "audio", "calls", "metrics") for file in (ROOT / app).rglob("static/**/*.js")]
TEMPLATES = list((ROOT / "templates").rglob("*.html"))
_MAKES_MARKUP = re.compile(
    r"\binnerHTML\b|outerHTML\s*=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTMLUnsafe|srcdoc"
)
_UNESCAPED = re.compile(r"\|\s*safe\b|safeseq|autoescape off|<script(?![^>]*\bsrc=)|\son[a-z]+\s*=|javascript:")


@pytest.fixture
def marked(things, insiders, tenant, agent):
    """Everything that has a name is called what would break out of a page."""
    Tenant.objects.filter(pk=tenant.pk).update(name=BREAKING_OUT)
    User.objects.filter(tenant=tenant).update(first_name=BREAKING_OUT)
    Contact.objects.update(names=[BREAKING_OUT], emails=[f"{BREAKING_OUT}@example.com"])
    CallStatus.objects.update(name=BREAKING_OUT, description=BREAKING_OUT)
    Token.objects.update(name=BREAKING_OUT)
    LegalHold.objects.update(reason=BREAKING_OUT, call_id=BREAKING_OUT)
    ErasureRequest.objects.update(subject_name=BREAKING_OUT, reason=BREAKING_OUT)
    PersonExport.objects.update(subject_name=BREAKING_OUT)
    AudioSession.objects.update(test_session_id=BREAKING_OUT, metadata={BREAKING_OUT: BREAKING_OUT})
    said = dict.fromkeys(("subject", "summary", "direction", "platform", "conversation.0.text"), BREAKING_OUT)
    calls().update_one({"tenant_id": tenant.pk, "call_id": things["call_id"]}, {"$set": said})
    return things


def test_no_page_takes_what_was_written_for_markup(client, marked, doors):
    shown = 0
    for method, address, somebody in doors:
        if method != "GET" or address.startswith("/api/"):
            continue
        client.force_login(somebody)
        page = client.get(address)
        if not page.get("Content-Type", "").startswith("text/html"):
            continue
        text = page.getvalue().decode()
        assert "<img src=x" not in text, address
        assert "49" not in re.findall(r"&gt;(49)", text), address
        shown += "&lt;img src=x" in text or "\\u003Cimg src=x" in text
    assert shown > 10


def test_no_page_of_the_admin_does_either(client, marked):
    client.force_login(User.objects.create(username="root", is_superuser=True))
    shown = 0
    for model, of_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        addresses = [reverse(f"{name}_changelist")]
        row = model._default_manager.first()
        if row is not None:
            addresses.append(reverse(f"{name}_change", args=[row.pk]))
        for address in addresses:
            text = client.get(address).getvalue().decode()
            assert "<img src=x" not in text, (address, of_admin)
            shown += "&lt;img src=x" in text
    assert shown > 3


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_script_makes_markup_of_text(file):
    assert not _MAKES_MARKUP.search(file.read_text())


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_template_lets_text_through_as_it_is(file):
    assert not _UNESCAPED.search(file.read_text())
