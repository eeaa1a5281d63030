"""The HTML page: what it begins with, footnotes instead of a column of remarks, and the machine last."""

from __future__ import annotations

import re

from bench.report.html_page import page_of
from bench.report.pictures import can_draw
from tests.bench.report.results import a_result


def test_the_page_begins_with_the_verdict_and_ends_with_the_machine() -> None:
    result = a_result()
    result.method = ["It was measured."]
    page = page_of(result)
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert page.index('class="verdict"') < page.index("<table>")
    assert titles[0] == "sentences: 100 texts, 2,000 tokens"
    assert titles[-2:] == ["How it was measured", "Machine"]
    assert page.count("<picture>") == 2 * can_draw()
    assert ("matplotlib is not installed" in page) != can_draw()


def test_a_remark_is_a_footnote() -> None:
    result = a_result()
    result.rows[1].status, result.rows[1].reason, result.rows[1].throughput = "failed", "crashed <here>", []
    page = page_of(result)
    assert "<td>baseline <sup>1</sup></td>" in page
    assert '<ol class="notes"><li>baseline: failed: crashed &lt;here&gt;</li></ol>' in page
    assert 'class="out"' in page
