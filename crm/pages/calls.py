from typing import Any

from django.urls import NoReverseMatch, reverse
from django.views.generic import TemplateView

from calls import conversations, statuses
from crm import call_page
from crm.pages import DeskPage

# What of the page is offered to whom.
_ACTS = {
    "edit": "calls.edit",
    "move": "calls.move",
    "review": "calls.review",
    "remove": "calls.delete",
    "export": "calls.export",
    "contact": "contacts.write",
    "hear_originals": "recordings.hear_originals",
}
# What the player offers; call/sound.js steps through the same.
SPEEDS = ("0.5", "0.75", "1", "1.25", "1.5", "1.75", "2")


class CallPage(DeskPage, TemplateView):
    """One call: heard, read, corrected, judged.

    The page comes with its head and asks for the rest, which in a call of hours is much; it asks again when something
    has changed.
    """

    capability = "calls.read"
    audits = "call.read"
    template_name = "crm/call.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        user = self.person
        call = conversations.read_head(user, self.kwargs["call_id"])
        head = call_page.head_of(call)
        session = call_page.recording_of(user, call["call_id"])
        theirs = statuses.of(self.tenant.pk)
        may = {act: user.may(capability) for act, capability in _ACTS.items()}
        return super().get_context_data(
            call=head,
            title=call["subject"].strip() or f"Call {call['id']}",
            may=may,
            statuses=theirs,
            status=next((one for one in theirs if str(one.pk) == head["status_id"]), None),
            colleagues=call_page.colleagues_of(user, also=call["assigned_to_id"]) if may["edit"] else [],
            people=call_page.people_of(call),
            contact_address=_address_of("contact-page", 0) if user.may("contacts.read") else "",
            back=_back(),
            speeds=SPEEDS,
            session=session,
            has_sound=session is not None and session.sound_removed_at is None and session.chunks.stored().exists(),
            **context,
        )


def _back() -> dict[str, str]:
    """Where the way back leads for who came from nowhere that the page knows."""
    if board := _address_of("board-page"):
        return {"address": board, "label": "Calls"}
    return {"address": reverse("search-page"), "label": "Search"}


def _address_of(page: str, *ids: int) -> str:
    try:
        return reverse(page, args=ids)
    except NoReverseMatch:
        return ""
