"""Is the page of a report good in a real browser? (no errors, no requests, sorting, filters, links, colours, narrow screens, print)

Needs Chromium of the system, which ``.ci/run`` installs; elsewhere the tests are skipped where there is none.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from ganbench.plan.spec import run_id
from ganbench.report.folder import write_report
from ganbench.report.page import Cite
from ganbench.results.collection import Collection
from ganbench.results.events import EventLog
from ganbench.results.gallery import Gallery, Histogram, Modes, write_gallery
from ganbench.results.record import Alarm, Failure, Record, read_record
from ganbench.results.samples import write_samples

GOLDEN = Path(__file__).parents[1] / "golden" / "record-v1.json"
FINISHED = read_record(GOLDEN)
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
HOSTILE = '<img src=x onerror="document.title=1">.py:A'
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium here: apt-get install chromium, or let CI run these tests"
)


def run(variant: str, seed: int, fd: float, budget: int = 1_024, **changes: Any) -> Record:
    of = replace(FINISHED.spec.variant, name=variant)
    spec = replace(FINISHED.spec, seed=seed, variant=of, budget_images=budget)
    scores = tuple(replace(one, value=fd) if one.metric == "fd" else one for one in FINISHED.scores)
    return replace(FINISHED, **{"spec": spec, "run_id": run_id(spec), "scores": scores, **changes})


def with_folder(out: Path, record: Record) -> Path:
    """The folder of a run with all that a page shows of it."""
    folder = out / "runs" / record.run_id
    folder.mkdir(parents=True)
    rng = np.random.default_rng(record.spec.seed)
    for name in ("real", "0000001024-ema"):
        write_samples(folder / "samples", rng.integers(0, 256, (64, 1, 16, 16), dtype=np.uint8), name)
    log = EventLog(folder / "events.jsonl")
    names = [f"{kind}/{part}" for kind in ("loss", "grad_norm") for part in ("discriminator", "generator")]
    for seen in range(0, 1_024, 64):
        log.append("tick", images_seen=seen, logs=dict.fromkeys(names, 1 + seen / 900))
    log.append("health", images_seen=512, signals={"value/train": 1.0, "value/held_out": 0.5, "value/fake": -1.0})
    write_gallery(
        folder,
        Gallery(
            images_seen=1_024,
            examples=100,
            discriminator=Histogram(edges=(0.0, 1.0, 2.0), counts={"train": (1, 3), "held_out": (2, 2), "fake": (4, 0)}),
            precision=(0.0, 0.5, 0.9),
            recall=(0.9, 0.5, 0.0),
            modes=Modes(names=("0", "1"), expected=(0.5, 0.5), generated=(0.9, 0.1)),
            spectrum={"real": (3.0, 2.0), "fake": (3.0, 2.5)},
        ),
    )
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of rows that finished, failed, and have a hostile name, on one data set."""
    out = tmp_path_factory.mktemp("page")
    failure = Failure(type="ValueError", message="<b>bad</b>", stage="training", traceback="", command="")
    records = [
        run("dcgan", 0, 3.0, alarms=(Alarm(rule="score_spike", images_seen=512, detail="1.6 times"),)),
        run("dcgan", 1, 4.0),
        run("wgan", 0, 2.0, budget=2_048, images_seen=1_024),
        run("wgan", 1, 1.0, budget=2_048, images_seen=1_024),
        run("gan", 0, 9.0, status="failed", scores=(), diagnostics=(), evaluations=(), error=failure, timing=None),
        run(HOSTILE, 0, 5.0, notes=("<script>document.title=2</script>",)),
        *(run(f"other_method_{number}", 0, 20.0 + number) for number in range(20)),
    ]
    folders = {record.run_id: with_folder(out, record) for record in records[:4]}
    files = dict.fromkeys([record.run_id for record in records], GOLDEN)
    found = Collection(records=tuple(records), folders=folders, files=files, faults=("<b>x</b>.json: damaged",))
    cite = Cite(
        lead="A <b>state</b>.", permalink="https://example.org/a/", bibtex="@misc{a,\n  title = {</pre><b>x</b>},\n}", files={"all": "x/"}
    )
    return write_report(out / "report", found, "The <i>title</i>", cite)[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "CI must have a browser"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Any]:
    """Opens the page, and asserts at the end that it neither complained nor asked for anything."""
    said: list[str] = []
    contexts = []

    def open_(width: int = 1440, dark: bool = False, scripts: bool = True, at: str = "") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda request: said.append(request.url) if not request.url.startswith(("data:", report.as_uri())) else None)
        page.goto(report.as_uri() + at)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def names(page: Page) -> list[str]:
    """Names in the first table, from top to bottom, of the rows that are shown."""
    return [text.strip().split(" ")[0] for text in page.locator("table").first.locator("tbody tr:visible th").all_inner_texts()]


def test_text_stays_text_and_nothing_is_loaded(opened: Any) -> None:
    page = opened()
    assert page.title() == "The <i>title</i>"
    assert page.locator("script").count() == 1 and page.locator("img[onerror]").count() == 0
    assert page.get_by_text("<b>x</b>.json: damaged").count() == 1
    assert page.get_by_text("<script>document.title=2</script>").count() >= 1
    assert page.locator("#cite pre").inner_text() == "@misc{a,\n  title = {</pre><b>x</b>},\n}"
    assert page.locator("#cite a").first.get_attribute("href") == "https://example.org/a/"
    assert page.evaluate("document.querySelectorAll('[onclick],[onerror],[style]').length") == 0


def test_tables_are_sorted_by_mouse_and_by_keyboard(opened: Any) -> None:
    page = opened()
    ranked = names(page)
    assert ranked[:2] == ["wgan", "dcgan"]
    head = page.locator("table").first.locator("thead th", has_text="FD").first
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending" and names(page)[0] == "wgan"
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending" and names(page)[0] == "other_method_19"
    assert names(page)[-1] == "gan"  # what has no value is last both ways
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None and names(page) == ranked


def test_the_order_of_a_table_is_in_the_address(opened: Any) -> None:
    page = opened()
    ranked = names(page)
    head = page.locator("table").first.locator("thead th", has_text="FD").first
    head.get_by_role("button").dblclick()
    page.get_by_label("Search").fill("other")
    again = opened(at=page.evaluate("location.hash"))
    assert names(again) == names(page) and names(again)[0] == "other_method_19" and len(names(again)) == 20
    assert again.locator("th[aria-sort]").count() == 1
    again.get_by_role("button", name="Show all").click()
    again.wait_for_timeout(100)
    assert names(again)[0] == "other_method_19" and again.evaluate("location.hash").startswith("#view?sort=")
    again.locator("th[aria-sort]").get_by_role("button").click()
    assert names(again) == ranked and again.evaluate("location.hash") == ""
    assert names(opened(at="#view?sort=nowhere.fd.ascending&sort=x")) == ranked


def test_filters_hide_rows_columns_and_sections_and_are_in_the_address(opened: Any) -> None:
    page = opened()
    page.get_by_label("Search").fill("GAN")
    page.get_by_label("Budget").select_option("2048")
    assert names(page) == ["wgan"] and page.locator("details.variant:visible").count() == 1
    assert page.locator("#count").inner_text().endswith("rows")
    page.get_by_label("Metric").select_option("precision")
    heads = page.locator("table").first.locator("thead th:visible").all_inner_texts()
    assert any("PRECISION" in text for text in heads) and not any("FD" in text for text in heads)
    address = page.url
    assert "budget=2048" in address and "metric=precision" in address
    again = opened(at="#" + address.partition("#")[2])
    assert names(again) == ["wgan"]
    again.get_by_role("button", name="Show all").click()
    again.wait_for_timeout(100)
    assert len(names(again)) == 24 and "#" not in again.url


def test_a_link_opens_the_section_that_it_leads_to(opened: Any) -> None:
    page = opened(at="#digits-dcgan")
    section = page.locator("#digits-dcgan")
    assert section.get_attribute("open") is not None
    assert section.locator("svg.chart").count() == 8 and section.locator("img").count() == 1
    assert section.get_by_text("score spike").count() >= 1
    assert section.locator("code").first.inner_text().startswith("ganbench run --spec records/")
    page.locator("table").first.get_by_role("link", name="wgan").click()
    page.wait_for_timeout(100)
    assert page.locator("#digits-wgan").get_attribute("open") is not None


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_an_accessibility_check_has_no_findings(opened: Any, dark: bool) -> None:
    page = opened(dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_colours_follow_the_system_and_the_button(opened: Any) -> None:
    def ground(page: Page) -> Any:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light, page = opened(), opened(dark=True)
    assert ground(page) != ground(light)
    page.locator("#theme").click()
    assert ground(page) == ground(light) and page.locator("#theme").inner_text() == "Colours: light"
    page.reload()
    assert ground(page) == ground(light)  # it is remembered


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_width_scrolls_sideways(opened: Any, width: int) -> None:
    page = opened(width=width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_everything_can_be_read(opened: Any) -> None:
    page = opened(scripts=False)
    assert names(page)[:2] == ["wgan", "dcgan"]
    assert not page.locator("#filters").is_visible() and not page.locator("#theme").is_visible()
    section = page.locator("details.variant").first
    section.locator("summary").first.click()
    assert section.locator("svg.chart").first.is_visible()


def test_print_shows_all_sections_and_no_controls(opened: Any) -> None:
    page = opened()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0 and not page.locator("#filters").is_visible()
    assert len(page.pdf()) > 10_000
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.variant[open]").count() == 0
