"""Conversations that could not be stored, however often it was tried: looked at, put back into the queue, dropped.

They are in Redis and no model's rows, so these are pages of their own over the verbs of `calls.queue`. The list shows
what was wrong, and no word of anybody's; the page of a letter shows its company's staff what was sent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from calls import intake, masking, queue
from calls.errors import IntakeFull, RetryableCallError
from calls.models import RedactionPolicy
from calls.queue import DeadLetter
from crm.audit import acts
from crm.models import User
from crm.site import DeskSite

PER_PAGE = 50
# So many are done for one request; a page shows no more.
MOST_CHOSEN = PER_PAGE
LONGEST_SEARCH = 64
PAGE = "dead_letters"
PAGE_OF_ONE = "dead_letter"
# Of what was sent; more would be slow to mask and to read.
MOST_SHOWN = 20_000
# What is cut off may be the rest of a number, of which nobody would know what it was.
_EDGE = 500
_DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done with a letter: the verb, what the audit log calls it, and what a person reads."""

    do: Callable[[int, str], bool]
    act: str
    done: str


ACTIONS = {
    "replay": Action(queue.replay, "conversation.replayed", "put back into the queue"),
    "discard": Action(queue.discard, "conversation.discarded", "discarded"),
}


@require_http_methods(["GET", "HEAD", "POST"])
def dead_letters(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    try:
        return _acted(request, user) if request.method == "POST" else _listed(request, user)
    except RetryableCallError as away:
        return _told_away(request, away)


@require_safe
def dead_letter(request: HttpRequest, conversation_id: str) -> HttpResponse:
    """What was sent, for staff of the company that it was sent to: nobody else, also not who runs the site."""
    user = cast("User", request.user)
    if user.tenant_id is None or not user.may("calls.read_all"):
        raise PermissionDenied
    try:
        letters = queue.dead_letters_named(user.tenant_id, conversation_id) if intake.is_id(conversation_id) else []
    except RetryableCallError as away:
        return _told_away(request, away)
    if not letters:
        raise Http404("There is no dead letter of this id that you may see.")
    acts.write("conversation.dead_letter_read", actor=user, subject=f"conversation:{conversation_id}", via="admin")
    body = letters[0]["body"]
    whole = _readable(body)
    shown = whole[: MOST_SHOWN + _EDGE]
    is_masked = not user.may("calls.read_originals")
    if is_masked:
        policy = RedactionPolicy.of(user.tenant_id)
        shown = masking.masked_text(shown, policy=policy, language=masking.USUAL_LANGUAGE)
    is_cut = len(whole) > MOST_SHOWN + _EDGE
    context = {
        **admin.site.each_context(request),
        "title": f"Dead letter {conversation_id}",
        "letter": letters[0],
        "shown": shown[:-_EDGE] if is_cut else shown,
        "length": len(body),
        "is_cut": is_cut,
        "is_masked": is_masked,
    }
    return render(request, "admin/dead_letter.html", context)


def _told_away(request: HttpRequest, away: RetryableCallError) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": "Dead letters", "away": away.message}
    return render(request, "admin/dead_letters.html", context, status=503)


def _listed(request: HttpRequest, user: User) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    number = _page_number(request.GET.get("p", "1"))
    if wanted:
        letters = queue.dead_letters_named(_whose(user), wanted)
        count = len(letters)
    else:
        letters, count = queue.dead_letters(_whose(user), first=(number - 1) * PER_PAGE, most=PER_PAGE)
    acts.write("conversation.listed", actor=user, via="admin")
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Dead letters",
        "letters": [{**letter, "choice": _choice_of(letter)} for letter in letters[:MOST_CHOSEN]],
        "count": count,
        "wanted": wanted,
        "may_act": user.may("conversations.write"),
        "may_open": user.tenant_id if user.may("calls.read_all") else None,
        "shows_company": user.is_superuser,
        "newer": number - 1 if number > 1 else None,
        "older": number + 1 if not wanted and number * PER_PAGE < count else None,
    }
    return render(request, "admin/dead_letters.html", context)


def _acted(request: HttpRequest, user: User) -> HttpResponse:
    action = ACTIONS.get(request.POST.get("action", ""))
    if action is None or not user.may("conversations.write"):
        raise PermissionDenied
    chosen = [letter for choice in request.POST.getlist("chosen")[:MOST_CHOSEN] for letter in _meant(user, choice)]
    if action is ACTIONS["discard"] and chosen and "confirmed" not in request.POST:
        context = {
            **admin.site.each_context(request),
            "title": "Discard dead letters?",
            "letters": [{**letter, "choice": _choice_of(letter)} for letter in chosen],
        }
        return render(request, "admin/discard_dead_letters.html", context)
    done = 0
    try:
        for letter in chosen:
            if action.do(letter["tenant_id"], letter["conversation_id"]):
                acts.write(action.act, actor=user, subject=f"conversation:{letter['conversation_id']}", via="admin")
                done += 1
    except IntakeFull as full:
        messages.warning(request, full.message)
    messages.info(request, f"{done} {action.done}.")
    return redirect(f"admin:{PAGE}")


def _whose(user: User) -> int | None:
    """Whose letters the person may see: their company's, or everybody's for who runs the site."""
    if user.is_superuser:
        return None
    if user.tenant_id is None:
        raise PermissionDenied
    return user.tenant_id


def _meant(user: User, choice: str) -> list[DeadLetter]:
    """The letter of a checkbox, `{tenant}:{id}`, if the person may see it."""
    tenant, _, conversation_id = choice.partition(":")
    return [
        letter
        for letter in queue.dead_letters_named(_whose(user), conversation_id)
        if str(letter["tenant_id"]) == tenant
    ]


def _choice_of(letter: DeadLetter) -> str:
    return f"{letter['tenant_id']}:{letter['conversation_id']}"


def _readable(body: str) -> str:
    """What was sent in lines, its texts as they were: what is masked would not be found between escapes of JSON."""
    try:
        return "\n".join(_lines(orjson.loads(body), levels=_DEEPEST))
    except orjson.JSONDecodeError:
        return body


def _lines(value: Any, *, levels: int) -> Iterator[str]:
    match value:
        case Mapping() | list() if levels == 0:
            yield "…"
        case Mapping():
            for name, inside in value.items():
                first, *rest = [*_lines(inside, levels=levels - 1)] or [""]
                yield f"{name}: {first}"
                yield from rest
        case list():
            for inside in value:
                yield from _lines(inside, levels=levels - 1)
        case str():
            yield from value.splitlines()
        case _:
            yield orjson.dumps(value).decode()


def _page_number(given: str) -> int:
    return int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 6 and int(given) else 1


cast("DeskSite", admin.site).add_page(
    route="calls/dead-letters/", view=dead_letters, name=PAGE, title="Dead letters", of="Calls"
)
cast("DeskSite", admin.site).add_page(
    route="calls/dead-letters/<str:conversation_id>/", view=dead_letter, name=PAGE_OF_ONE, title="Dead letter", of=None
)
