"""The page in a real Chromium: what a user types, sees, hovers over and copies."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lookup import lookup_bundle
from tests.runtime.serve.running import Server
from tests.waiting import PATIENCE

pytestmark = pytest.mark.integration
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC", "القاهرة": "B-LOC"}
ARABIC = "ذهب إلى القاهرة أمس"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("page")
    with Server(lookup_bundle(folder / "bundle", WORDS), folder / "log") as running:
        yield running


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """A fresh page; whatever the browser complains about fails the test."""
    opened = browser.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.set_default_timeout(1000 * PATIENCE)
    opened.goto(server.url)
    opened.locator("#served", has_text=" on ").wait_for()
    yield opened
    opened.close()
    assert [each for each in complaints if "400" not in each] == []


def _tag(page: Any, text: str) -> list[list[str]]:
    """Type the text, ask by the keyboard, and read (text, label) of each mark."""
    page.fill("#text", text)
    page.press("#text", "Control+Enter")
    page.locator("#status", has_text=re.compile(" ms,")).wait_for()
    found: list[list[str]] = page.eval_on_selector_all(
        "#marked mark", "marks => marks.map(m => [m.firstChild.data, m.querySelector('.label').textContent])"
    )
    return found


def test_marks_and_legend(page: Any) -> None:
    assert _tag(page, "Angela Merkel visited Paris") == [["Angela Merkel", "PER"], ["Paris", "LOC"]]
    assert page.locator("#legend li").all_text_contents() == ["LOC 1", "PER 1"]
    assert "2 entities in" in page.text_content("#status")
    assert "padded-fp32.onnx on onnxruntime" in page.text_content("#served")
    assert re.match(r"Certified on .*: passed, with 0\.0 of 10,000 labels changed", page.text_content("#certificate"))


def test_offsets_are_code_points_and_markup_stays_text(page: Any) -> None:
    emoji, flag = "\U0001f600\U0001f468\u200d\U0001f469", "\U0001f1eb\U0001f1f7"
    text = f"{emoji} <b>Paris</b> & <img src=x onerror=alert(1)> {flag} Angela"
    assert _tag(page, text) == [["Paris", "LOC"], ["Angela", "PER"]]
    assert page.locator("#marked img, #marked b").count() == 0


def test_text_from_right_to_left(page: Any) -> None:
    assert _tag(page, ARABIC) == [["القاهرة", "LOC"]]
    direction = page.eval_on_selector("#marked p", "p => getComputedStyle(p).direction")
    assert direction == "rtl"


def test_each_line_has_a_direction_of_its_own(page: Any) -> None:
    assert _tag(page, f"Paris\n{ARABIC}") == [["Paris", "LOC"], ["القاهرة", "LOC"]]
    latin, arabic = (mark.bounding_box() for mark in page.locator("#marked mark").all())
    middle = page.evaluate("innerWidth / 2")
    assert latin["x"] < middle < arabic["x"]


def test_a_score_is_shown_on_hover_and_to_the_keyboard(page: Any) -> None:
    _tag(page, "Paris")
    score = page.locator("#marked mark .score")
    assert not score.is_visible()
    page.hover("#marked mark")
    assert score.is_visible()
    page.hover("h1")
    page.focus("#marked mark")
    assert score.is_visible()
    assert "score 0." in page.get_attribute("#marked mark", "title")


def test_an_error_is_a_sentence(page: Any) -> None:
    page.click("summary")
    page.check("#constrained")
    page.select_option("#aggregation", "simple")
    page.click("#tag")
    page.wait_for_selector("#status.error")
    said = page.text_content("#status")
    assert said.startswith("Constrained: constraints hold between words")
    assert said.endswith(".")
    assert not page.is_visible("#answer")


def test_a_proxys_own_page_is_an_error_and_a_sentence(page: Any) -> None:
    page.route("**/tag", lambda route: route.fulfill(status=400, content_type="text/html", body="<h1>Bad request</h1>"))
    page.click("#tag")
    page.wait_for_selector("#status.error")
    assert page.text_content("#status") == "The server answered 400."


def test_curl_says_the_same(page: Any, server: Server) -> None:
    _tag(page, "It's Paris")
    done = subprocess.run(["bash", "-c", page.text_content("#curl")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(page.text_content("#json"))


def test_files_can_be_opened(page: Any, tmp_path: Path) -> None:
    (tmp_path / "two.jsonl").write_text('{"text": "Paris"}\n"Angela"\n')
    page.set_input_files("#file", tmp_path / "two.jsonl")
    page.locator("#marked p:nth-child(2)").wait_for()
    assert page.locator("#marked mark").count() == 2
    (tmp_path / "broken.jsonl").write_text("{")
    page.set_input_files("#file", tmp_path / "broken.jsonl")
    page.wait_for_selector("#status.error")
    assert page.text_content("#status") == "Line 1 of broken.jsonl is not JSON."


def test_it_fits_a_phone(browser: Any, server: Server) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(server.url)
    _tag(page, "Angela Merkel visited Paris and " + "a-very-long-word" * 40)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_the_whole_page_by_keyboard(page: Any) -> None:
    _tag(page, "Paris")
    page.focus("#text")
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached[:3] == ["tag", "file", "SUMMARY"]
    assert {"MARK", "copy-json", "copy-curl"} <= set(reached)
