"""The topology widget in a real browser: fine screens, large graphs, what is rewired and copied."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from sample_topology import chain, demo_topology
from settings_form_page import chromium
from topology_page import TopologyPage

from ezmsg_nb.topology_widget import TopologyWidget

pytestmark = pytest.mark.browser

# A page may write to the clipboard only where its address counts as safe: this machine does.
ADDRESS = "http://localhost/"
FINE = 2
LONG_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with an origin, on a screen of two device pixels for each of its own."""
    context = browser.new_context(
        viewport={"width": 940, "height": 700},
        device_scale_factor=FINE,
        permissions=["clipboard-read", "clipboard-write"],
    )
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.route(ADDRESS, lambda route: route.fulfill(body="", content_type="text/html"))
    made.goto(ADDRESS)
    yield made
    context.close()
    assert errors == []


@pytest.fixture
def widget() -> Iterator[TopologyWidget]:
    made = TopologyWidget(demo_topology())
    made.show_status("connected", "127.0.0.1:25978")
    yield made
    made.close()


@pytest.fixture
def shown(page: Page, widget: TopologyWidget) -> TopologyPage:
    return TopologyPage(page, widget)


def test_a_fine_screen_gets_all_its_pixels(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    sizes = root.locator(".ezn-stage > canvas").evaluate_all(
        "(all) => all.slice(0, 2).map((one) => [one.width, one.clientWidth])"
    )
    assert [width for width, _ in sizes] == [FINE * shown_width for _, shown_width in sizes]
    assert shown.pixels(root)["255,255,255"] > 30_000 * FINE**2
    shown.page.mouse.click(*shown.place_of(root, "LP"))
    shown.until(lambda: widget.selected == "LP", "the pointer finds what it is over", LONG_MS)


def test_three_thousand_units_open_readable(shown: TopologyPage, widget: TopologyWidget) -> None:
    widget.show_topology(chain(3000))
    root = shown.show()
    shown.until(lambda: root.get_attribute("data-units") == "3000", "all are known", LONG_MS)
    shown.until(root.locator(".ezn-minimap").is_visible, "the map of the whole", LONG_MS)
    assert shown.pixels(root).get("20,20,20", 0) > 20 * FINE**2, "names can be read"
    shown.until(lambda: root.locator("[data-unit]").count() == 3000, "all are in the tree", LONG_MS)
    root.get_by_role("button", name="Fit").click()
    shown.until(root.locator(".ezn-minimap").is_hidden, "all of it is in view", LONG_MS)


# Looks at each frame for whether anything is painted where the graph begins.
WATCH = """(canvas) => {
  const small = Object.assign(document.createElement("canvas"), { width: 48, height: 32 });
  const context = small.getContext("2d", { willReadFrequently: true });
  window.seen = { frames: 0, blank: 0 };
  const look = () => {
    context.clearRect(0, 0, 48, 32);
    // The canvas is larger than the view, and is moved with it.
    const { m41, m42 } = new DOMMatrix(canvas.style.transform);
    const [x, y] = [-m41 * devicePixelRatio, -m42 * devicePixelRatio];
    context.drawImage(canvas, x, y, 400, 300, 0, 0, 48, 32);
    seen.frames += 1;
    if (!context.getImageData(0, 0, 48, 32).data.some((one) => one > 0)) seen.blank += 1;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def test_a_large_graph_that_changes_all_the_time_keeps_its_order(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    widget.show_topology(chain(320))
    root = shown.show()
    shown.until(lambda: root.get_attribute("data-units") == "320", "all are known", LONG_MS)
    before = shown.place_of(root, "U0")
    root.locator(".ezn-stage > canvas").first.evaluate(WATCH)
    for step in range(20):
        widget.show_topology(chain(321 + step % 3))
        shown.pump(50)
    widget.show_topology(chain(320))
    shown.until(lambda: root.get_attribute("data-units") == "320", "the last one is shown", LONG_MS)
    shown.until(lambda: shown.page.evaluate("seen.frames > 10"), "frames", LONG_MS)
    assert shown.page.evaluate("seen.blank") == 0
    shown.until(lambda: shown.place_of(root, "U0") == before, "it stands where it did", LONG_MS)


def test_a_large_graph_is_laid_out_by_a_worker(
    page: Page, shown: TopologyPage, widget: TopologyWidget
) -> None:
    root = shown.show()
    widget.folded = []
    widget.show_topology(chain(900))
    shown.until(lambda: root.locator("[data-unit]").count() == 900, "it is laid out", LONG_MS)
    assert len(page.workers) == 1, "the worker lives: the layout is its own"
    page.evaluate("views[0](); endModel()")
    shown.until(lambda: page.workers == [], "it ends with the model", LONG_MS)


def test_lines_are_drawn_and_taken_back_by_hand(
    shown: TopologyPage, widget: TopologyWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shown.show()
    asked: list[tuple[str, str, str]] = []
    monkeypatch.setattr(widget, "_rewire", lambda *what: asked.append(what))
    start, end = shown.ports_of(root, "SLICE"), shown.ports_of(root, "CAR")
    shown.page.mouse.move(*start["east"])
    shown.page.mouse.down()
    shown.page.mouse.move(*end["west"], steps=6)
    shown.page.mouse.up()
    shown.until(lambda: bool(asked), "the kernel is asked to connect", LONG_MS)
    assert asked == [("connect", "SLICE/OUTPUT_SIGNAL", "CAR/INPUT_SIGNAL")]

    x, y = start["east"]
    shown.page.mouse.click(x + 14, y)
    expect(root.locator(".ezn-hint")).to_contain_text("SLICE/OUTPUT_SIGNAL → LP/INPUT_SIGNAL")
    shown.page.keyboard.press("Delete")
    shown.until(lambda: len(asked) == 2, "the kernel is asked to take it back", LONG_MS)
    assert asked[-1] == ("disconnect", "SLICE/OUTPUT_SIGNAL", "LP/INPUT_SIGNAL")


def test_the_picture_is_on_the_clipboard(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    menu = root.get_by_role("combobox", name="Copy as")
    text_there = "() => navigator.clipboard.readText()"
    texts = {"SVG": widget.svg(), "Mermaid": widget.mermaid(), "DOT": widget.dot()}
    for name, text in texts.items():
        menu.select_option(name)
        shown.until(
            lambda text=text: shown.page.evaluate(text_there) == text, f"{name} is there", LONG_MS
        )
    menu.select_option("PNG")
    read = """async () => {
      const [item] = await navigator.clipboard.read();
      if (!item.types.includes("image/png")) return null;
      const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
      return btoa(String.fromCharCode(...bytes.slice(0, 24)));
    }"""
    shown.until(lambda: shown.page.evaluate(read) is not None, "a PNG is there", LONG_MS)
    header = base64.b64decode(shown.page.evaluate(read))
    assert header.startswith(b"\x89PNG")
    stage = root.locator(".ezn-stage")
    assert int.from_bytes(header[16:20]) == FINE * stage.evaluate("(one) => one.clientWidth")


def test_paused_is_told(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    widget.show_unit_states({"LP": ("paused", "by this kernel")})
    text = root.locator('[data-unit="LP"]')
    shown.until(lambda: "paused: by this kernel" in (text.text_content() or ""), "it is", LONG_MS)
    shown.place_of(root, "LP")
    expect(root.locator(".ezn-hover")).to_contain_text("paused")


def test_a_view_may_end_after_its_model(shown: TopologyPage, widget: TopologyWidget) -> None:
    first = shown.show()
    shown.show(width=500)
    shown.page.evaluate("views[0](); endModel()")
    assert shown.page.evaluate("handlerCount()") == 0
    widget.show_topology(chain(5))
    shown.pump(200)
    shown.page.evaluate("views[1]()")
    shown.pump(200)
    expect(first).to_have_count(0)
