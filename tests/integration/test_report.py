"""The report of an export in a real Chromium: light and dark, nothing fetched, nothing beyond the edge of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from export.report.write import PAGE
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 17, 23)")])
@pytest.mark.parametrize("width", [400, 1100])
def test_the_page_of_a_bundle(
    browser: Any, tiny_bundle: Path, scheme: Literal["light", "dark"], background: str, width: int
) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    page.set_default_timeout(1000 * PATIENCE)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tiny_bundle / PAGE).as_uri())
    assert asked == [(tiny_bundle / PAGE).as_uri()]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
    assert page.locator("tr.kept").count() >= 1
    assert page.locator("svg").count() == 2
    # Wide tables scroll by themselves; the page does not.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("summary").first.click()
    assert page.locator("details[open] table").first.is_visible()
    page.close()
