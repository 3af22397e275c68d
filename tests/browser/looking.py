"""What holds for every page, however it is looked at."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError as NotInTime

WIDTHS = (1440, 1024, 360)


def assert_accessible(page, within=None):
    """By the rules of WCAG that a program can tell."""
    found = Axe().run(page, within).response
    assert found["passes"]
    faults = [
        f"{fault['id']} in {page.url}: {node['html'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
        for node in fault["nodes"]
    ]
    assert not faults, "\n".join(faults)


def assert_fits_every_width(page):
    """From a desk's screen to a phone's, nothing has to be scrolled sideways."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        try:
            # Charts are drawn anew once the browser has told them of their width.
            page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width, timeout=10_000)
        except NotInTime:
            widest = page.evaluate("document.documentElement.scrollWidth")
            raise AssertionError(f"{page.url} is {widest} wide at {width}") from None
