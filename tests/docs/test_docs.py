"""Whatever README and docs name is there: pages, places, images, commands, settings, addresses, files."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from config import access
from tests.docs.reading import Page, ends, fits, pages
from tests.running import ROOT

PAGES = pages()
LARGEST_IMAGE = 150_000
DOORS = access.doors()
# Of other servers, and files on somebody's disk.
NOT_OURS = re.compile(r"/(v1|etc|usr|var|root|dev|proc|tmp|home|mnt|srv|run|opt|alerts|data|backup|bin|app|backups)\b")


@pytest.fixture(params=PAGES, ids=str)
def page(request):
    return request.param


def test_every_link_leads_somewhere(page):
    broken = []
    for file, anchor in page.links:
        target = (page.path.parent / file).resolve() if file else page.path
        if not target.exists() or (anchor and anchor not in Page(target).anchors):
            broken.append(f"{file}#{anchor}" if anchor else file)
    assert not broken


def test_every_page_of_the_docs_can_be_found_from_its_index():
    found, waiting = set(), [ROOT / "docs" / "README.md"]
    while waiting:
        path = waiting.pop()
        found.add(path)
        linked = {(path.parent / file).resolve() for file, _ in Page(path).links if file.endswith(".md")}
        waiting += [other for other in linked - found if other.exists()]
    assert set((ROOT / "docs").glob("*.md")) - found == set()


def test_every_image_is_shown_somewhere_and_small():
    shown = {(page.path.parent / file).resolve() for page in PAGES for file, _ in page.links}
    images = set((ROOT / "docs").rglob("*.png"))
    assert images
    assert images <= shown
    assert [image.name for image in images if image.stat().st_size > LARGEST_IMAGE] == []


def test_every_command_of_manage_py_is_there_with_its_options(page):
    there = get_commands()
    for name, options in page.management_commands:
        assert name in there, name
        command = there[name]
        command = load_command_class(command, name) if isinstance(command, str) else command
        known = command.create_parser("manage.py", name)._option_string_actions
        assert set(options) <= set(known), name


def test_every_command_of_make_is_there_with_its_variables(page):
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    for target, variables in page.make_commands:
        assert target in targets
        for variable in variables:
            assert re.search(rf"\$\({variable}\)|\b{variable}\b", makefile), f"{variable} of make {target}"


def test_every_variable_is_read_by_something(page):
    known = variables_in_code()
    for name in page.variables:
        if name.endswith(("*", "…")):
            assert any(one.startswith(name.rstrip("*…")) for one in known), name
        else:
            # A value may be in a file instead, which the variable with this ending names.
            assert {name, name.removesuffix("_FILE")} & known, name


def variables_in_code():
    sources = [ROOT / "Makefile", ROOT / "manage.py"]
    for room in ("config", "crm", "audio", "calls", "metrics", "benchmarks", "tests"):
        sources += [source for source in (ROOT / room).rglob("*.py") if "docs" not in source.parts]
    return {name for source in sources for name in re.findall(r"\bEARSHOT_[A-Z0-9_]+\b", source.read_text())}


def test_every_setting_is_on_the_page_of_settings():
    """But for those that a process tells another one, and the tests' own."""
    told = (ROOT / "docs" / "settings.md").read_text()
    read = re.findall(r"[\"'](EARSHOT_[A-Z0-9_]+)[\"']", (ROOT / "config" / "settings.py").read_text())
    assert sorted({name for name in read if name not in told}) == []


def test_every_address_answers(page):
    unknown = [
        f"{method} {address}".strip()
        for method, address in page.addresses
        if not NOT_OURS.match(address) and not is_there(method, address)
    ]
    unknown += [
        f"{method} …{tail}".strip()
        for method, tail in page.tails
        if not NOT_OURS.match(tail)
        and not any(ends(tail, door.address) for door in DOORS if method in ("", door.method))
    ]
    assert unknown == []


def is_there(method, address):
    if address.startswith("/static/"):
        return finders.find(address.removeprefix("/static/")) is not None
    if address.startswith("/admin/"):
        try:
            resolve(re.sub(r"\{[^}]*\}", "1", address))
        except Resolver404:
            return False
        return True
    return any(fits(address, door.address) for door in DOORS if method in ("", door.method))


def test_every_file_is_where_a_page_says(page):
    assert [file for file in page.files if not (ROOT / file).exists()] == []
