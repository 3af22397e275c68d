"""How a line of a written conversation begins: when, and who. Pure.

1. Before or behind a label may stand a time, with or without a date: `[00:01:23]`, `10:22 AM`, `26/11/2026, 10:22 -`,
   `2026-11-26T10:22:31Z`, `Agent (12:03:01):`.
2. A label is a role that is known, in any of four languages, alone or with a name ("Agent (Maria)", "Customer John");
   "Speaker 2" or the like; or a name, a mail address or a number, if the other lines say that it is one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


AGENT_WORDS = _words("""agent ai bot chatbot assistant operator rep representative advisor adviser support system model
    agentin berater beraterin mitarbeiter mitarbeiterin kundendienst kundenservice assistent ki
    agente asistente operador operadora asesor asesora representante soporte ia
    conseiller conseillère opérateur opératrice assistante téléconseiller""")
CLIENT_WORDS = _words("""user customer client caller human visitor guest
    kunde kundin anrufer anruferin nutzer nutzerin benutzer mensch besucher
    cliente usuario usuaria llamante humano
    cliente utilisateur utilisatrice appelant appelante humain""")
GENERIC_WORDS = _words("speaker sprecher sprecherin hablante locuteur participant person")
# Words that begin a line with a colon as names do, and are none.
NO_NAMES = _words("""total subtotal sum note notes subject date time order invoice price amount address phone email re
    fwd ps from to cc bcc summary topic http https status reference result answer question reason important warning
    number transcript conversation chat call session ticket case id account request agreement message details""")
# After the word for a client these make it the company: "customer service".
_COMPANY_WORDS = _words("service support care desk team helpdesk")


_TIME = r"\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,6})?(?:\s?(?i:[ap]\.?m\b\.?))?"
_DATE = r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
_ZONE = r"(?:\s?(?:Z\b|[+-]\d{2}:?\d{2}(?!\d)))"
_DECORATION = r"(?:[-•>*]\s+)?"
_EMPHASIS = r"(?:\*\*|__|\*|_)?"
# Marks of the direction of writing, which some exports put before every line.
_UNSEEN = "\u200e\u200f\u202a\u202c\ufeff"
_NAME = rf"[^\W\d_][\w.'’&-]*(?:[ ](?!{_TIME}\s*[:：])[\w.'’&-]+){{0,4}}"
_ADDRESS = r"[\w.+-]{1,40}@[\w-]{1,30}(?:\.[\w-]{1,20}){1,4}"
_NUMBER = r"[+(]?\d[\d ().-]{5,18}\d"
_LABELLED = re.compile(
    rf"""^\s*{_DECORATION}{_EMPHASIS}
    (?:[\[(]\s*(?P<bracketed>{_TIME})\s*[\])]\s*(?:[-–—]\s*)? | (?P<bare>{_TIME})\s*(?:[-–—|]\s*)? )?
    {_EMPHASIS}\s*
    (?P<label>{_ADDRESS}|{_NAME}|{_NUMBER})
    \s*{_EMPHASIS}\s*
    (?:(?P<behind>{_TIME}) | [\[(]\s*(?:(?P<after>{_TIME})|(?P<aside>[^\W\d_][^()\[\]\n]{{0,40}}))\s*[\])])?
    \s*{_EMPHASIS}\s*[:：]\s*{_EMPHASIS}\s*
    (?P<said>.*)$""",
    re.VERBOSE | re.DOTALL,
)
_DATED = re.compile(
    rf"""^\s*{_DECORATION}{_EMPHASIS}(?:\[\s*)?
    (?P<date>{_DATE})(?:,\s*|T|\s+)(?P<time>{_TIME})(?P<zone>{_ZONE})?
    \s*\]?\s*(?:[-–—|]\s+)?(?P<rest>.*)$""",
    re.VERBOSE | re.DOTALL,
)
# Behind a date stands a label, whatever it looks like.
_ANY_LABEL = re.compile(r"^\s*(?P<label>[^:：\n]{1,40}?)\s*[:：]\s*(?P<said>.*)$", re.DOTALL)
_TIMED = re.compile(rf"^\s*\[\s*(?P<time>{_TIME})\s*\]\s*(?P<said>.*)$", re.DOTALL)
LONGEST_LABEL = 60
MOST_NAMES = 100
_NUMBERED = re.compile(r"^(?P<word>[^\W\d_]+)[ ]?(?P<number>\d{1,3}|[A-Za-z])?$")
_LETTER = re.compile(r"[^\W\d_]")
_SPEAKER = re.compile(r"(?:agent|client|unknown|speaker_\d*)\Z")


@dataclass(frozen=True, slots=True)
class Moment:
    """When a line was said: by a clock, in seconds, and the date as it is written."""

    seconds: float
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A label as it stands in a line, what is in brackets behind it, the time beside it, and what follows.

    `is_stamped`: the time is set apart so that what stands by it, if it looks like a name, is one. `is_usual`: it looks
    as labels do without a date. `is_logged`: every line of the text begins with a date, so that a label follows.
    """

    text: str
    aside: str
    moment: Moment | None
    said: str
    is_stamped: bool
    is_usual: bool
    is_logged: bool = False

    @property
    def is_dated(self) -> bool:
        return self.moment is not None and self.moment.date is not None


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a label means: a role that is known, with a name or none, or a name alone."""

    role: str | None
    name: str
    number: str = ""


def label_of(line: str) -> Label | None:
    """What may be a label at the beginning of a line; whether it is one, its text and the other lines say."""
    line = line.lstrip(_UNSEEN)
    # A label and the times around it are short, which keeps the pattern from going through long lines.
    if line.find(":", 0, 2 * LONGEST_LABEL) < 0 and line.find("：", 0, 2 * LONGEST_LABEL) < 0:
        return None
    dated = _DATED.match(line)
    rest = dated["rest"].lstrip(_UNSEEN) if dated else line
    usual = _LABELLED.match(rest)
    found = usual or (_ANY_LABEL.match(rest) if dated else None)
    if found is None or found["said"].startswith("//") or len(found["label"]) > LONGEST_LABEL:
        return None
    named = found.groupdict()
    if re.fullmatch(_DATE, named["label"]):
        return None
    time = named.get("bracketed") or named.get("bare") or named.get("after") or named.get("behind")
    moment = _moment_of(dated) if dated else Moment(_seconds(time)) if time else None
    is_apart = bool(named.get("bracketed") or named.get("after")) or (time or "")[-1:] in {"m", "M", "."}
    return Label(
        text=named["label"].rstrip("*_ "),
        aside=(named.get("aside") or "").strip(),
        moment=moment,
        said=named["said"],
        is_usual=usual is not None,
        is_stamped=is_apart and not named.get("behind"),
    )


def timed(line: str) -> tuple[Moment, str] | None:
    """When a line without a label was said, and what; None for one that does not say when."""
    line = line.lstrip(_UNSEEN)
    if (dated := _DATED.match(line)) is not None:
        return _moment_of(dated), dated["rest"]
    found = _TIMED.match(line)
    return (Moment(_seconds(found["time"])), found["said"]) if found else None


def spoken(lines: Sequence[str]) -> list[Label | None]:
    """The labels of the lines, None for a line that has none."""
    labels = [label_of(line) for line in lines]
    first = next((line for line in lines if line.strip()), "")
    if _DATED.match(first.lstrip(_UNSEEN)) is None:
        # A date in the middle of what is said is no log's.
        labels = [label if label and (not label.is_dated or label.is_usual) else None for label in labels]
    else:
        labels = [replace(label, is_logged=label.is_dated) if label else None for label in labels]
    names = _names_among([label for line, label in zip(lines, labels, strict=True) if line.strip()])
    return [label if label and (_is_certain(label) or folded(label.text) in names) else None for label in labels]


def who(label: str, aside: str = "") -> Who:
    """Whom a label means, and what stands in brackets behind it."""
    words = label.split()
    first = words[0].casefold().rstrip("0123456789") if words else ""
    role = _role_of(first)
    if role is None:
        beside = _role_of(aside.casefold())
        return Who(beside, label if beside is None or _looks_like_name(label) else "")
    rest = [word.casefold() for word in words[1:]]
    if any(word in AGENT_WORDS or word in _COMPANY_WORDS for word in rest):
        return Who("agent", "")
    numbered = _NUMBERED.match(label)
    number = words[0][len(first) :] or (numbered["number"] or "" if numbered else "")
    for name in (aside, " ".join(words[1:])):
        if name and not number and _looks_like_name(name) and _role_of(name.casefold()) is None:
            return Who(role, name)
    return Who(role, "", number)


def folded(label: str) -> str:
    return " ".join(label.casefold().split())


class Speakers:
    """Labels → speakers: agent and client for roles that are known, speaker_1 and so on for the others."""

    def __init__(self) -> None:
        self._others: dict[str, str] = {}
        self._names: dict[str, dict[str, str]] = {}

    def named(self, label: str, aside: str = "") -> str:
        meant = who(label, aside)
        known = folded(meant.name or meant.number)
        speaker = meant.role or self._others.setdefault(folded(label), f"speaker_{len(self._others) + 1}")
        if known and (speaker in self._names or len(self._names) < MOST_NAMES):
            theirs = self._names.setdefault(speaker, {})
            # Two are as good as more: then it is nobody's name.
            if len(theirs) < 2:
                theirs.setdefault(known, meant.name)
        return speaker

    def unnamed(self) -> str:
        return self._others.setdefault("", f"speaker_{len(self._others) + 1}")

    def names(self) -> Mapping[str, str]:
        """Speaker → the name as it is written, of those who have one that nobody else in the same role has."""
        only = {speaker: next(iter(names.values())) for speaker, names in self._names.items() if len(names) == 1}
        return {speaker: name.replace("\0", "\ufffd") for speaker, name in only.items() if _is_name(name)}


def ordinals(dates: Sequence[str]) -> list[int] | None:
    """Dates as numbers of days. Whether the day or the month comes first is not written: as they are closest together.

    None when they are no dates.
    """
    readings = [read for order in ("day", "month") if (read := _read_dates(dates, first=order)) is not None]
    return min(readings, key=lambda read: max(read) - min(read)) if readings and dates else None


def _read_dates(dates: Sequence[str], *, first: str) -> list[int] | None:
    try:
        return [_ordinal(written, first=first) for written in dates]
    except ValueError:
        return None


def _ordinal(written: str, *, first: str) -> int:
    one, two, three = re.split(r"[-/.]", written)
    if len(one) == 4:
        year, month, day = int(one), int(two), int(three)
    else:
        day, month = (int(one), int(two)) if first == "day" else (int(two), int(one))
        year = int(three) + (2000 if len(three) == 2 else 0)
    return date(year, month, day).toordinal()


def _names_among(labels: Sequence[Label | None]) -> frozenset[str]:
    """The labels that are names, of lines that are not blank.

    At least two lines begin with one, and not all of them go on with a number. Or the text begins with one and goes on
    with another's label; or every line begins with one, and there is nothing else to tell them by.
    """
    there = [label for label in labels if label]
    with_words = {folded(label.text) for label in there if _LETTER.search(label.said)}
    candidates = [folded(label.text) for label in there if _looks_like_name(label.text)]
    names = {name for name, times in Counter(candidates).items() if times >= 2 and name in with_words}
    first, second = [*labels[:2], None, None][:2]
    if first is None or second is None or folded(first.text) not in with_words & set(candidates):
        return frozenset(names)
    if folded(first.text) != folded(second.text) and (_is_certain(second) or folded(second.text) in names):
        names.add(folded(first.text))
    elif not names and len(there) == len(labels) == len(candidates) and not any(map(_is_certain, there)):
        names |= with_words
    return frozenset(names)


def _is_certain(label: Label) -> bool:
    """Whether a label needs no second line to be one: "agent", "User 2", "Speaker A", "Agent Maria", or by its time."""
    has_words = _LETTER.search(label.said) is not None
    looks_like_name = _looks_like_name(label.text)
    if label.is_logged or (label.is_stamped and looks_like_name and has_words):
        return True
    return _is_role(label.text, with_name=has_words) or (
        looks_like_name and _role_of(label.aside.casefold()) is not None
    )


def _is_role(label: str, *, with_name: bool) -> bool:
    found = _NUMBERED.match(label)
    word = found["word"].casefold() if found else ""
    if found and word in GENERIC_WORDS:
        return found["number"] is not None
    if _role_of(word) is not None:
        return True
    first, _, rest = label.partition(" ")
    if not with_name or _role_of(first.casefold()) is None:
        return False
    return _looks_like_name(rest) or all(word in _COMPANY_WORDS for word in folded(rest).split(" "))


def _looks_like_name(label: str) -> bool:
    words = label.split()
    if not words or words[0].casefold() in NO_NAMES:
        return False
    if re.fullmatch(_ADDRESS, label) or re.fullmatch(_NUMBER, label):
        return True
    return all(word[0].isupper() or word[0].isdigit() or not word[0].isascii() for word in words)


def _is_name(name: str) -> bool:
    """Whether it says more than our own words for speakers do."""
    numbered = _NUMBERED.match(name)
    is_generic = numbered is not None and numbered["word"].casefold() in GENERIC_WORDS
    return 0 < len(name) <= LONGEST_LABEL and not is_generic and not _SPEAKER.match(name.casefold())


def _role_of(word: str) -> str | None:
    if word in AGENT_WORDS:
        return "agent"
    return "client" if word in CLIENT_WORDS else None


def _moment_of(dated: re.Match[str]) -> Moment:
    return Moment(_seconds(dated["time"], of_day=True) - _shift(dated["zone"] or ""), dated["date"])


def _shift(zone: str) -> float:
    """Seconds that a zone is ahead: of `+02:00`, `-0500` or `Z`."""
    digits = re.sub(r"\D", "", zone)
    ahead = int(digits[:2]) * 3600 + int(digits[2:]) * 60 if digits else 0
    return float(-ahead if "-" in zone else ahead)


def _seconds(time: str, *, of_day: bool = False) -> float:
    """Of `12:03:01`, `02:12`, `00:01:23.5` or `10:22 PM`; two numbers are hours and minutes if it is of the day."""
    clock = re.match(r"[\d:.,]*\d", time)
    numbers = [float(part) for part in (clock[0] if clock else "0").replace(",", ".").split(":")]
    half = time[-4:].casefold().replace(".", "").strip()
    if half.endswith(("am", "pm")):
        numbers[0] = numbers[0] % 12 + (12 if half.endswith("pm") else 0)
        of_day = True
    if of_day and len(numbers) == 2:
        numbers.append(0.0)
    seconds = 0.0
    for part in numbers:
        seconds = seconds * 60 + part
    return seconds
