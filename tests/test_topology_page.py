"""The topology widget in a real browser: what is drawn, pointer and keys, themes, lost servers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sample_topology import chain, demo_topology, topology, unit
from settings_form_page import chromium
from test_topology_actions import Actions
from topology_page import TopologyPage

from ezmsg_nb.topology_encoding import rate_topics
from ezmsg_nb.topology_numbers import GraphNumbers
from ezmsg_nb.topology_widget import TopologyWidget
from kernel_runtime.model import Edge

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PROCESS_A = "64,120,178"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def widget() -> Iterator[TopologyWidget]:
    made = TopologyWidget(demo_topology())
    made.show_status("connected", "127.0.0.1:25978")
    yield made
    made.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 940, "height": 700})
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert errors == []


@pytest.fixture
def shown(page: Page, widget: TopologyWidget) -> TopologyPage:
    return TopologyPage(page, widget)


def test_the_graph_is_drawn_with_its_processes(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    expect(root).to_have_attribute("data-units", "10")
    expect(root).to_have_attribute("data-state", "connected")
    expect(root.locator("[role=treeitem][data-unit]")).to_have_count(10)
    expect(root.locator(".ezn-legend li")).to_have_text(
        ["Apid 4101 · 4 units", "Bpid 4102 · 4 units", "Cpid 4103 · 2 units"]
    )
    cards = shown.pixels(root)
    assert cards["255,255,255"] > 30_000
    assert cards[PROCESS_A] > 300
    assert widget.watching is True


def test_rates_are_shown_and_move(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    label = root.locator('[data-rate-of="LP/OUTPUT_SIGNAL"]')
    expect(label).to_have_text("rate not known")
    still = shown.pixels(root, canvas=1)
    for text in ("20.0 Hz", "41.5 Hz"):
        widget.show_rates(dict.fromkeys(rate_topics(demo_topology()), float(text[:4])))
        shown.until(lambda text=text: label.text_content() == text, "the rate is in the twin")
    assert shown.pixels(root, canvas=1) != still
    before = shown.pixels(root, canvas=1)
    shown.until(lambda: shown.pixels(root, canvas=1) != before, "dashes move")


def test_who_wants_no_motion_gets_none(page: Page, widget: TopologyWidget) -> None:
    page.emulate_media(reduced_motion="reduce")
    shown = TopologyPage(page, widget)
    root = shown.show()
    widget.show_rates(dict.fromkeys(rate_topics(demo_topology()), 20.0))
    shown.pump(800)
    before = shown.pixels(root, canvas=1)
    shown.pump(1500)
    assert shown.pixels(root, canvas=1) == before


def test_a_click_selects_and_escape_lets_go(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    shown.page.mouse.click(*shown.place_of(root, "LP"))
    shown.until(lambda: widget.selected == "LP", "the kernel knows the selection")
    expect(root.locator('[data-unit="LP"]')).to_have_attribute("aria-selected", "true")
    shown.page.keyboard.press("Escape")
    shown.until(lambda: widget.selected is None, "nothing is selected")
    widget.selected = "CAR"
    shown.pump()
    expect(root.locator('[data-unit="CAR"]')).to_have_attribute("aria-selected", "true")


def test_all_can_be_done_by_keyboard(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    keyboard = shown.page.keyboard
    keyboard.press("Tab")
    expect(root.locator('[data-collection="ECOG"]')).to_be_focused()
    keyboard.press("ArrowRight")
    expect(root.locator('[data-unit="ECOG/CLOCK"]')).to_be_focused()
    keyboard.press("Enter")
    shown.until(lambda: widget.selected == "ECOG/CLOCK", "Enter selects")
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowLeft")
    shown.until(lambda: widget.folded == ["ECOG"], "the left arrow folds")
    keyboard.press("ArrowRight")
    shown.until(lambda: widget.folded == [], "the right arrow unfolds")
    before = shown.pixels(root)
    for key in ("+", "Shift+ArrowLeft"):
        keyboard.press(key)
        shown.until(lambda old=before: shown.pixels(root) != old, f"{key} moves the view")
    keyboard.press("/")
    keyboard.type("zscore")
    expect(root.locator(".ezn-search output")).to_have_text("1 found")
    keyboard.press("Enter")
    shown.until(lambda: widget.selected == "ZSCORE", "a search finds and selects")
    keyboard.press("Escape")
    keyboard.press("p")
    expect(root.get_by_role("button", name="path")).to_have_attribute("aria-pressed", "true")


def test_a_double_click_folds_and_unfolds(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    shown.page.mouse.dblclick(*shown.place_of(root, "ECOG"))
    shown.until(lambda: widget.folded == ["ECOG"], "it is folded")
    shown.pump(500)
    shown.page.mouse.dblclick(*shown.place_of(root, "ECOG"))
    shown.until(lambda: widget.folded == [], "it is open again")


def test_the_page_scrolls_over_a_widget_that_nobody_uses(shown: TopologyPage) -> None:
    root = shown.show()
    x, y = shown.place_of(root, "LP")
    shown.page.mouse.wheel(0, 200)
    shown.until(lambda: shown.page.evaluate("scrollY") > 100, "the page scrolled")
    expect(root.locator(".ezn-hint")).to_contain_text("Ctrl")
    shown.page.evaluate("scrollTo(0, 0)")
    shown.page.mouse.click(x, y)
    before = shown.pixels(root)
    shown.page.mouse.wheel(0, -300)
    shown.until(lambda: shown.pixels(root) != before, "the drawing is zoomed")
    assert shown.page.evaluate("scrollY") == 0


def test_a_drag_moves_the_drawing_and_the_minimap_comes(shown: TopologyPage) -> None:
    root = shown.show()
    expect(root.locator(".ezn-minimap")).to_be_hidden()
    stage = root.locator(".ezn-stage").bounding_box()
    assert stage is not None
    x, y = stage["x"] + stage["width"] - 6, stage["y"] + 6
    shown.page.mouse.move(x, y)
    shown.page.mouse.down()
    shown.page.mouse.move(x - 400, y, steps=4)
    shown.page.mouse.up()
    expect(root.locator(".ezn-minimap")).to_be_visible()
    root.get_by_role("button", name="Fit").click()
    expect(root.locator(".ezn-minimap")).to_be_hidden()


def test_the_theme_is_followed(shown: TopologyPage) -> None:
    root = shown.show()
    light = root.evaluate("(e) => getComputedStyle(e).backgroundColor")
    shown.make_dark()
    shown.until(
        lambda: root.evaluate("(e) => getComputedStyle(e).backgroundColor") != light,
        "the ground is dark",
    )
    shown.until(lambda: shown.pixels(root).get("255,255,255", 0) < 2_000, "cards are dark")


def test_a_lost_server_is_told_and_the_last_state_stays(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    root = shown.show()
    widget.show_status("lost", "The GraphServer at 127.0.0.1:25978 ended the connection.")
    shown.pump()
    expect(root).to_have_attribute("data-state", "lost")
    status = root.get_by_role("status")
    expect(status).to_contain_text("Connection lost")
    expect(status).to_contain_text("ended the connection. Shown is the last known state.")
    assert shown.pixels(root)["255,255,255"] > 30_000
    shown.until(
        lambda: (
            float(root.locator("canvas").first.evaluate("(e) => getComputedStyle(e).opacity")) < 0.5
        ),
        "it is dimmed",
    )
    widget.show_status("connected", "127.0.0.1:25978")
    shown.pump()
    expect(root).to_have_attribute("data-dimmed", "false")


def test_problems_are_told_on_hover_and_in_the_twin(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    root = shown.show()
    widget.show_unit_states({"LP": ("dead", "killed by signal 9"), "CAR": ("slow", "32 of 32")})
    shown.pump()
    expect(root.locator('[data-unit="LP"]')).to_contain_text("died: killed by signal 9")
    shown.place_of(root, "LP")
    expect(root.locator(".ezn-hover")).to_contain_text("died: killed by signal 9")


def test_changes_of_the_graph_are_followed(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    graph = demo_topology()
    new = unit("NEW", "lab.New", ["INPUT_SIGNAL"], "p3")
    edge = Edge("LP/OUTPUT_SIGNAL", "NEW/INPUT_SIGNAL", "LP", "NEW", ("s1",))
    widget.show_topology(
        dataclasses.replace(graph, units={**graph.units, "NEW": new}, edges=(*graph.edges, edge))
    )
    shown.until(lambda: root.get_attribute("data-units") == "11", "the new unit is known")
    shown.pump(400)
    shown.place_of(root, "NEW")
    widget.show_topology(topology([], []))
    shown.until(lambda: root.get_attribute("data-units") == "0", "all units are gone")
    expect(root.locator(".ezn-message")).to_have_text("There are no units in this graph yet.")


def test_a_graph_that_changes_all_the_time_stays_drawn(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    root = shown.show()
    for step in range(40):
        widget.show_topology(chain(4 + step % 3))
        shown.pump(40)
        assert shown.pixels(root)["255,255,255"] > 5_000


def test_a_large_graph_opens_readable_with_a_map_of_the_rest(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    widget.show_topology(chain(600))
    root = shown.show()
    shown.until(lambda: root.get_attribute("data-units") == "600", "all units are known")
    expect(root.locator(".ezn-minimap")).to_be_visible()
    # Names are drawn: dark text on the cards.
    assert shown.pixels(root).get("20,20,20", 0) > 20
    root.get_by_role("button", name="Fit").click()
    expect(root.locator(".ezn-minimap")).to_be_hidden()
    shown.pump()
    assert shown.pixels(root).get("255,255,255", 0) < 5_000, "boxes have their process' colour"


def test_two_views_and_their_ends(shown: TopologyPage, widget: TopologyWidget) -> None:
    first, second = shown.show(), shown.show(width=500)
    assert shown.pixels(first)["255,255,255"] > 5_000
    assert shown.pixels(second)["255,255,255"] > 5_000
    shown.page.evaluate("views[0]()")
    shown.pump()
    assert widget.watching is True
    shown.page.evaluate("views[1]()")
    shown.until(lambda: widget.watching is False, "nobody looks any more")
    shown.page.evaluate("endModel()")
    assert shown.page.evaluate("handlerCount()") == 0


def test_nobody_looks_at_what_is_scrolled_away(shown: TopologyPage, widget: TopologyWidget) -> None:
    shown.show()
    assert widget.watching is True
    shown.page.evaluate("scrollTo(0, 1200)")
    shown.until(lambda: widget.watching is False, "it is scrolled out of view")
    shown.page.evaluate("scrollTo(0, 0)")
    shown.until(lambda: widget.watching is True, "it is back")


def test_another_protocol_asks_to_reload_the_page(page: Page, widget: TopologyWidget) -> None:
    widget._protocol = 999
    root = TopologyPage(page, widget).show()
    expect(root).to_have_attribute("data-state", "mismatch")
    expect(root.get_by_role("status")).to_contain_text("reload the page")


def test_a_kernel_that_falls_silent_is_told(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    widget.on_msg(widget._on_message, remove=True)
    expect(root).to_have_attribute("data-state", "silent", timeout=15_000)
    expect(root.get_by_role("status")).to_contain_text("No answer from the kernel")


@pytest.mark.parametrize("dark", [False, True])
def test_no_fault_of_accessibility_is_found(
    shown: TopologyPage, widget: TopologyWidget, dark: bool
) -> None:
    root = shown.show()
    if dark:
        shown.make_dark()
        shown.pump(600)
    shown.page.mouse.click(*shown.place_of(root, "LP"))
    shown.page.keyboard.press("/")
    shown.page.evaluate(AXE.read_text("utf-8"))
    faults = shown.page.evaluate(
        """async () => {
          const { violations } = await axe.run('[data-ezmsg-nb="topology"]');
          return violations.map((one) => [one.id, one.help, one.nodes.map((n) => n.html)]);
        }"""
    )
    assert faults == []


def test_a_drag_pins_a_box_and_a_double_click_frees_it(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    root = shown.show()
    x, y = shown.place_of(root, "LP")
    shown.page.mouse.down()
    shown.page.mouse.move(x + 20, y + 40, steps=4)
    shown.page.mouse.up()
    shown.until(lambda: "LP" in widget.pins, "the kernel knows where it was put")
    shown.pump(300)
    shown.page.mouse.dblclick(*shown.place_of(root, "LP"))
    shown.until(lambda: widget.pins == {}, "it is back")
    shown.page.keyboard.press("Alt+ArrowDown")
    shown.until(lambda: list(widget.pins) == ["LP"], "the keyboard moves it too")


def test_a_connection_is_drawn_from_port_to_port(
    shown: TopologyPage, widget: TopologyWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shown.show()
    asked: list[tuple[str, str, str]] = []
    monkeypatch.setattr(widget, "_rewire", lambda *what: asked.append(what))
    root.locator('[data-unit="SLICE"]').focus()
    shown.page.keyboard.press("c")
    root.locator('[data-unit="CAR"]').focus()
    shown.page.keyboard.press("c")
    shown.until(lambda: bool(asked), "the kernel is asked")
    assert asked == [("connect", "SLICE/OUTPUT_SIGNAL", "CAR/INPUT_SIGNAL")]
    shown.page.keyboard.press("Control+z")
    shown.until(lambda: len(asked) == 2, "and asked to undo it")
    assert asked[-1][0] == "undo"
    widget.send({"type": "note", "text": "A -> B would close a cycle: A, B, A."})
    shown.pump()
    expect(root.locator(".ezn-hint")).to_contain_text("would close a cycle: A, B, A")


def test_numbers_of_edges_and_processes_are_told(
    shown: TopologyPage, widget: TopologyWidget
) -> None:
    root = shown.show()
    widget.show_numbers(
        GraphNumbers(
            rates={"LP/OUTPUT_SIGNAL": 20.0},
            inflight={"LP/OUTPUT_SIGNAL": (31, 32)},
            channels={"DOWNSAMPLE/INPUT_SIGNAL": 2},
            p99_ms={("LP/OUTPUT_SIGNAL", "DOWNSAMPLE/INPUT_SIGNAL"): 1.5},
            cpu={"p2": 0.42},
        )
    )
    label = root.locator('[data-rate-of="LP/OUTPUT_SIGNAL"]')
    expected = "20.0 Hz, backpressure, 31 of 32 buffers in flight, p99 1.5 ms"
    shown.until(lambda: label.text_content() == expected, "the twin tells all")
    shown.until(
        lambda: "42% CPU" in (root.locator('[data-process="p2"]').text_content() or ""),
        "the legend has the CPU",
    )


def test_owners_of_edges_are_marked(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    graph = demo_topology()
    edges = [dataclasses.replace(edge, owners=("mine",)) for edge in graph.edges[-1:]]
    more = Edge("monitor/raw", "CAR/INPUT_SIGNAL", None, "CAR", ("theirs",))
    widget.show_topology(
        dataclasses.replace(graph, edges=(*graph.edges[:-1], *edges, more)), own_session="mine"
    )
    shown.until(lambda: root.locator("[data-owner]").count() == 2, "both are in the legend")
    expect(root.locator('[data-owner="kernel"]')).to_contain_text("this kernel")
    expect(root.locator('[data-owner="session"]')).to_contain_text("another session")


def test_where_no_worker_may_run_layouts_are_made_in_the_page(
    page: Page, widget: TopologyWidget
) -> None:
    policy = "worker-src 'self'; script-src 'unsafe-inline' blob: 'unsafe-eval'"
    page.goto("about:blank")
    shown = TopologyPage(page, widget, policy=policy)
    root = shown.show()
    widget.folded = []
    widget.show_topology(chain(700))
    shown.until(lambda: root.get_attribute("data-units") == "700", "the graph is known")
    shown.until(lambda: root.locator("[data-unit]").count() == 700, "it is laid out", 15_000)


def test_the_slider_shows_the_past_in_colours(shown: TopologyPage, widget: TopologyWidget) -> None:
    widget.actions = Actions()
    root = shown.show()
    shown.page.keyboard.press("Tab")
    root.get_by_role("button", name="Back in time").click()
    slider = root.get_by_role("slider")
    shown.until(slider.is_visible, "the slider is there")
    slider.focus()
    shown.page.keyboard.press("Home")
    shown.until(lambda: root.get_attribute("data-units") == "3", "the graph of then")
    expect(root.locator(".ezn-words")).to_contain_text("As it was at 10:00:00")
    shown.until(
        lambda: "removed" in (root.locator('[data-unit="U2"]').text_content() or ""),
        "what became of it",
    )
    root.get_by_role("button", name="Back in time").click()
    shown.until(lambda: root.get_attribute("data-units") == "10", "the graph of now")


def test_the_picture_is_copied(shown: TopologyPage, widget: TopologyWidget) -> None:
    root = shown.show()
    for name, ending in (("DOT", "gv"), ("PNG", "png")):
        with shown.page.expect_download() as saved:
            root.get_by_role("combobox", name="Copy as").select_option(name)
            shown.pump(400)
        assert saved.value.suggested_filename == f"topology.{ending}"
