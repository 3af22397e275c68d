"""What the pages of the documentation name: links, images, commands, addresses, variables, files. Pure."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.running import ROOT

_FENCE = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"(?:^\n|\A)((?:^ {4}[^\n]*\n)+)", re.MULTILINE)
_SPAN = re.compile(r"(`+)(.+?)\1")
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)")
_SOURCE = re.compile(r'\b(?:src|srcset|href)="([^"]+)"')
# Where one's own Earshot is, in the examples.
_HERE = re.compile(
    r"\$\{EARSHOT[^}]*\}|\$\{?EARSHOT\b\}?|(?:https?://)?(?:127\.0\.0\.1|localhost):8000|https?://earshot\.example\.com"
)
_METHODS = "GET|POST|PUT|PATCH|DELETE|WS"
_ADDRESS = re.compile(rf"(?:\b({_METHODS})[ ]+)?(?<![\w.}}…<>)*\]/-])(/[a-z][^\s\"'`,;|)\\]*)")
_TAIL = re.compile(rf"(?:\b({_METHODS})[ ]+)?…(/[^\s\"'`,;|)\\]+)")
_MAKE = re.compile(r"[$ ]*(?:[A-Z_]+=\S+ )*make\b((?: +[A-Z]+=\S+)*) +([a-z][a-z-]*)(.*)")
_VARIABLE = re.compile(r"\bEARSHOT_[A-Z0-9_]*[A-Z0-9](?:_?[*…])?")
_FILE = re.compile(
    r"(?!calls/0001)(?:config|crm|audio|calls|metrics|tests|docs|deploy|benchmarks|templates|browser)/[\w./-]+"
)


@dataclass(frozen=True)
class Page:
    """One file of Markdown."""

    path: Path

    def __str__(self):
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self):
        return self.path.read_text()

    @cached_property
    def prose(self):
        """Without blocks of code, which hold no links."""
        return _FENCE.sub("", self.text)

    @cached_property
    def code(self):
        """What stands in code: each span, and each line of a block; one that goes on behind a backslash is one."""
        blocks = [block for _, block in _FENCE.findall(self.text)] + _INDENTED.findall(self.prose)
        lines = [line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
        return lines + [span for _, span in _SPAN.findall(self.prose)]

    @property
    def links(self):
        """What is linked and shown, but for other sites: [(file, anchor)]."""
        without_code = _SPAN.sub("", self.prose)
        targets = _LINK.findall(without_code) + _SOURCE.findall(without_code)
        own = [target for target in targets if not re.match(r"[a-z]+:", target)]
        return [(file, anchor) for file, _, anchor in (target.partition("#") for target in own)]

    @cached_property
    def anchors(self):
        """As GitHub makes them of headings."""
        seen = Counter()
        anchors = set()
        for heading in re.findall(r"^#{1,6} +(.+?) *$", self.prose, re.MULTILINE):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
        return anchors

    @property
    def management_commands(self):
        """[(name, options)] of whatever is to be typed after manage.py."""
        typed = [one for code in self.code for one in re.split(r"[;|&]|\$\(| #", code)]
        found = filter(None, (re.search(r"\bmanage\.py ([a-z_]+)(.*)", one) for one in typed))
        return [(match[1], re.findall(r"(?<![\w-])--[a-z][a-z-]*", match[2])) for match in found]

    @property
    def make_commands(self):
        """[(target, variables)]."""
        typed = [one for code in self.code for one in re.split(r"[;|&]| #", code)]
        found = filter(None, map(_MAKE.match, typed))
        return [(match[2], re.findall(r"\b([A-Z]+)=", match[1] + match[3])) for match in found]

    @property
    def variables(self):
        return set(_VARIABLE.findall(self.text))

    @property
    def files(self):
        return {code for code in self.code if _FILE.fullmatch(code)}

    @property
    def addresses(self):
        """[(method or "", address)] of what the server answers at, in the form that the page has them."""
        return [_tidied(found) for code in self.code for found in _ADDRESS.findall(_HERE.sub(" ", code))]

    @property
    def tails(self):
        """The same of addresses of which only the end is named, as …/move."""
        return [_tidied(found) for code in self.code for found in _TAIL.findall(code)]


def _tidied(found):
    method, address = found
    return method, re.sub(r"[?#].*|\[[^\]]*$|[.:]+$", "", address)


def pages():
    return [Page(path) for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]]


def fits(address, route):
    """Whether the address, with its blanks as `{id}` or `$ID`, is one of the route's, as `api/calls/<str:call_id>`."""
    named, wanted = address.strip("/").split("/"), route.strip("/").split("/")
    return len(named) == len(wanted) and all(map(_fits_part, named, wanted))


def _fits_part(named, wanted):
    return bool(wanted.startswith("<")) or named == wanted


def ends(tail, route):
    """Whether the route ends as the tail does."""
    named, wanted = tail.strip("/").split("/"), route.strip("/").split("/")
    return len(named) <= len(wanted) and all(map(_fits_part, named, wanted[-len(named) :]))
