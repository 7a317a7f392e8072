"""What a page holds before any browser sees it: everything, escaped, small, and nothing to be fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from suites.selftest.reporting.sample import HOSTILE, comparison, index, sample, with_names
from tools.errors import visible
from tools.reporting import layout, page
from tools.reporting.charts import speed_chart
from tools.reporting.facts import NightPoint, Past, Report, SpeedPoint, Speeds, Step
from tools.reporting.packed import charts_data, thinned

VOID = {"meta", "link", "img", "input", "br"}
FETCHING = {"src", "href", "srcset", "action", "data", "poster"}
SCRIPT = "window.vegaEmbed = null;"


class Read(HTMLParser):
    """The elements of a page, what is unbalanced, and its text as a reader without scripts has it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(f"{tag} at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, each, value in self.attributes if each == name]


@pytest.fixture(scope="module")
def run_page() -> str:
    return page.html(sample(), SCRIPT)


@pytest.fixture(scope="module")
def hostile_pages() -> dict[str, str]:
    harmed = with_names(sample())
    return {"run": page.html(harmed, SCRIPT), "comparison": page.comparison_html(comparison(harmed)),
            "index": page.index_html(index(HOSTILE))}


def test_a_large_run_stays_small(run_page: str) -> None:
    """540 numbers, 77 cases and 400 nights of each leave room for what draws charts, which is 0.41 MB."""
    report = sample()

    assert (540, 77) == (sum(len(case.numbers) for case in report.cases), len(report.cases))
    assert len(run_page.encode()) < page.MOST_BYTES - 420_000


def test_a_page_is_well_formed(run_page: str, hostile_pages: dict[str, str]) -> None:
    for text in (run_page, *hostile_pages.values()):
        read = Read(text)

        assert ([], []) == (read.unbalanced, read.open)
        assert len(read.values("id")) == len(set(read.values("id")))
        assert [] == [name for name in read.values("id") if re.search(r"\s", name)]


def test_a_page_fetches_nothing(run_page: str, hostile_pages: dict[str, str]) -> None:
    """What it refers to lies in itself; of the index, reports beside it. Its policy forbids all else."""
    for text in (run_page, *hostile_pages.values()):
        read = Read(text)
        away = [value for _, name, value in read.attributes
                if name in FETCHING and not value.startswith(("#", "data:image/", "data:,", "run-"))]

        assert [] == away
        assert "@import" not in text
        assert [] == re.findall(r"url\((?!data:)", text)
        assert any(policy.startswith("default-src 'none'; script-src 'sha256-") for policy in read.values("content"))


def test_a_page_may_run_its_own_scripts_and_no_other(run_page: str) -> None:
    """By their digests: its own script, and what draws charts once it is unpacked."""
    [own] = re.findall(r"<script>(.*?)</script>", run_page, re.DOTALL)
    [policy] = [value for value in Read(run_page).values("content") if "script-src" in value]
    allowed = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in (own, SCRIPT)]

    assert f"script-src {' '.join(allowed)};" in policy


def test_every_number_is_there_without_scripts(run_page: str) -> None:
    """Whoever opens it in a mail reads the verdict, and of each case its numbers and how to repeat it."""
    read, report = Read(run_page), sample()

    assert report.sentence in read.text
    assert all(reason in read.text for reason in report.why)
    for case in report.cases:
        assert layout.anchor(case.name) in read.values("id")
        assert case.again in read.text
        assert all(number.reason in read.text and number.stored in read.text and number.measured in read.text for number in case.numbers)
        assert all(made.digest in read.text for made in case.digests)
    assert 540 == sum(tag == "tr" and name == "data-case" for tag, name, _ in read.attributes)


def test_the_case_of_a_cell_is_one_link_away(run_page: str) -> None:
    read = Read(run_page)
    led = {value for _, name, value in read.attributes if name == "href" and value.startswith("#case=")}

    assert {f"#{layout.anchor(case.name)}" for case in sample().cases} == led


@pytest.mark.parametrize("kind", ["run", "comparison", "index"])
def test_harmful_names_are_only_text(kind: str, hostile_pages: dict[str, str]) -> None:
    """They make no element and no handler, and what nobody would see of them is shown as its escape."""
    text = hostile_pages[kind]
    read = Read(text)

    assert all(visible(name) in read.text for name in HOSTILE)
    assert [] == [name for _, name, _ in read.attributes if name.startswith("on")]
    assert [] == [value for tag, name, value in read.attributes if (tag, name) == ("img", "src") and not value.startswith("data:")]
    assert [] == [letter for letter in text if letter != "\n" and not letter.isprintable()]
    assert "alert(" not in "".join(re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL))


def test_harmful_names_are_only_text_in_charts() -> None:
    """What turns text around would turn a legend or a tooltip around too."""
    data = json.loads(charts_data(with_names(sample()), None))
    texts = [text for text in re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(data, ensure_ascii=False)) if "gnp" in text]

    assert texts
    assert [] == [text for text in texts if not text.isprintable()]


def test_a_page_that_would_be_large_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """First nights, every step and every doubtful one kept; then thumbnails. Nothing goes in silence."""
    report = replace(sample(), cases=sample().cases[:10])
    whole = page.html(report, SCRIPT)
    monkeypatch.setattr(page, "MOST_BYTES", len(whole.encode()) - 12_000)
    fewer = Read(page.html(report, SCRIPT)).text
    monkeypatch.setattr(page, "MOST_BYTES", 1000)
    least = Read(page.html(report, SCRIPT)).text

    assert "What this page lacks" not in Read(whole).text
    assert re.search(r"The charts of history show \d+ of 4000 nights", fewer)
    assert "rames of flipped clips are shown" not in fewer
    assert "No frames of flipped clips are shown" in least


def test_thinning_keeps_what_a_reader_looks_for() -> None:
    past = sample().cases[0].past
    assert isinstance(past, Past)
    kept = {night.number for night in thinned(past, 50)}

    assert {121, 251, 141, 331, 400} <= kept
    assert 20 < len(kept) <= 60
    assert past.nights == thinned(past, 400)


@pytest.mark.parametrize(("most", "kept"), [
    (9, [1, 3, 5, 7, 8, 9, 10]), (4, [1, 6, 8, 9, 10]), (2, [1, 8, 9, 10]), (1, [1, 8, 9, 10])])
def test_of_other_nights_each_nth_is_kept(most: int, kept: list[int]) -> None:
    """As many as there is room for beside those that are looked for, but half of the room at least."""
    nights = tuple(NightPoint(number, "", 1.0, "PASS", "", 0, is_this_run=number == 10) for number in range(1, 11))
    past = Past(nights, (), None, steps=(Step(8, "changed", ""), Step(9, "shift", "")))

    assert kept == [night.number for night in thinned(past, most)]


def test_without_what_draws_charts_the_page_says_so() -> None:
    read = Read(page.html(replace(sample(), cases=sample().cases[:2]), ""))

    assert page.NO_CHARTS in read.text
    assert "charts" not in read.values("id")


def test_a_run_without_anything_has_a_page() -> None:
    """A folder of which next to nothing can be read still says what came of it, and what is missing."""
    empty = Report("r", "artifacts/runs/r", "", "", "ERROR: nothing can be told.", "ERROR", (), "", nightly=False, simulated=True, cases=(),
                   missing=("results.jsonl is gone: run it again.",))
    read = Read(page.html(empty, SCRIPT))

    assert ([], []) == (read.unbalanced, read.open)
    assert all(part in read.text for part in ("ERROR: nothing can be told.", "results.jsonl is gone", "SIMULATED", "No case was measured."))


def test_the_worst_comes_first_and_is_open() -> None:
    text = page.html(sample(), SCRIPT)
    opened = re.findall(r'<details class="case" data-case="([\w-]+)" open', text)
    order = re.findall(r'<details class="case" data-case="([\w-]+)"', text)

    assert ["bsn-bs32-npu1", "tsm-bs16-npu1", "nonlocal-bs1-npu0"] == opened == order[:3]


def test_far_apart_rates_get_a_logarithmic_axis() -> None:
    def chart(rate: float) -> str:
        return json.dumps(speed_chart([Speeds("tsm", "", "T4", measured=False, points=(SpeedPoint(1, rate), SpeedPoint(4, 100.0)))]))

    assert '"type": "log"' in chart(2.0)
    assert '"type": "log"' not in chart(50.0)


def test_a_histogram_holds_every_iteration() -> None:
    data = json.loads(charts_data(sample(), None))

    assert len(data["latency"]) == 77
    assert {300} == {sum(kept["counts"]) for kept in data["latency"].values()}
    assert {3} == {len(kept["warm"]) for kept in data["latency"].values()}
    assert {400} == {len(kept["rate"]) for kept in data["history"].values()}
