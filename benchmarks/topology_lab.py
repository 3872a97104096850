"""The picture of a graph inside JupyterLab, and ezmsg-dashboard's page on the same real graph.

Frames while 1,000 live units are panned, at one and at two device pixels for each of the page's;
what comes to the browser for a display and for an update. ezmsg-dashboard is installed into a
folder that is thrown away (or ``EZMSG_DASHBOARD_PYTHON`` names a Python that has it); without it
those figures are null.
"""

from __future__ import annotations

import base64
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from .harness import arguments, free_port, report
from .observer_page import JupyterLab, NotebookPage, chromium, wait_for_page
from .peer_dashboard import dashboard_python, dashboard_server

ROOT = Path(__file__).resolve().parents[1]
UNITS = 1000
SHOWN_S = 60.0
STILL_S = 5.0
TOPOLOGY = '[data-ezmsg-nb="topology"]'

LARGE = f"""
import sys, threading, time, random
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.topology_graphs import generated
from ezmsg_nb.topology_encoding import rate_topics
from ezmsg_nb.topology_widget import TopologyWidget
graph = generated({UNITS})
widget = TopologyWidget(graph, height=560)
widget.folded = []
widget.show_status("connected", "generated")
topics = rate_topics(graph)
def feed():
    while True:
        widget.show_rates({{topic: 10 + 500 * random.random() for topic in topics}})
        time.sleep(0.1)
threading.Thread(target=feed, daemon=True).start()
"""

# Drags from frame to frame, to and fro.
PAN = """async (stage, frames) => {
  stage.setPointerCapture = () => {};
  const area = stage.getBoundingClientRect();
  let at = area.right - 40;
  const pointer = (type, buttons) =>
    stage.dispatchEvent(new PointerEvent(type, {
      pointerId: 1, clientX: at, clientY: area.top + 3, buttons, bubbles: true,
    }));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  pointer("pointerdown", 1);
  const gaps = [];
  let before = await frame();
  for (let i = 0; i < frames; i++) {
    at += i % 80 < 40 ? -6 : 6;
    pointer("pointermove", 1);
    const now = await frame();
    gaps.push(now - before);
    before = now;
  }
  pointer("pointerup", 0);
  return gaps;
}"""


class Received:
    """What comes to a page over the network, bodies and messages of sockets, decoded."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        self.messages = 0
        session = page.context.new_cdp_session(page)
        session.on("Network.dataReceived", self._on_data)
        session.on("Network.webSocketFrameReceived", self._on_message)
        session.on("Network.eventSourceMessageReceived", self._on_event)
        session.send("Network.enable")

    def _on_data(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["dataLength"])

    def _on_message(self, event: dict[str, Any]) -> None:
        said = event["response"]
        text = said["payloadData"]
        self.bytes += len(base64.b64decode(text) if said["opcode"] == 2 else text.encode())
        self.messages += 1

    def _on_event(self, _event: dict[str, Any]) -> None:
        self.messages += 1


def _per_second(page: Page, received: Received) -> dict[str, float | None]:
    bytes_before, messages_before = received.bytes, received.messages
    began = time.monotonic()
    page.wait_for_timeout(STILL_S * 1000)
    seconds = time.monotonic() - began
    count = received.messages - messages_before
    got = received.bytes - bytes_before
    return {
        "bytes_per_s": round(got / seconds),
        "messages_per_s": round(count / seconds, 1),
        # What a page fetches, not as messages, can't be told apart into updates.
        "bytes_per_update": round(got / count) if count else None,
    }


def _shown(page: Page, received: Received, act: Callable[[], object], done: str) -> dict[str, Any]:
    """What it takes until numbers can be seen."""
    before = received.bytes
    began = time.monotonic()
    act()
    wait_for_page(page, lambda: bool(page.evaluate(done)), SHOWN_S)
    shown = time.monotonic() - began
    return {"shown_ms": round(shown * 1000), "bytes_per_display": received.bytes - before}


OUR_NUMBERS = f"""() => [...document.querySelectorAll('{TOPOLOGY} [data-rate-of]')]
  .some((one) => /[0-9.]+ [kM]?Hz/.test(one.textContent))"""
THEIR_NUMBERS = "() => /[0-9.]+ [kM]?Hz/.test(document.body.innerText)"


def in_lab(browser: Browser, lab: JupyterLab, frames: int) -> dict[str, Any]:
    """Frames of 1,000 live units, and what comes to the browser for them."""
    found: dict[str, Any] = {"pan_p95_ms": {}, "pan_frames_per_s": {}}
    lab.write_notebook("large.ipynb", [LARGE, "widget"])
    for ratio in (1, 2):
        notebook = NotebookPage(browser, lab, "large.ipynb", pixel_ratio=ratio)
        received = Received(notebook.page)
        shown = _shown(notebook.page, received, notebook.run_all, OUR_NUMBERS)
        root = notebook.page.locator(TOPOLOGY)
        expect(root).to_have_attribute("data-units", str(UNITS), timeout=SHOWN_S * 1000)
        root.scroll_into_view_if_needed()
        notebook.page.wait_for_timeout(2000)
        gaps = root.locator(".ezn-stage").evaluate(PAN, frames)
        label = f"{UNITS} at DPR {ratio}"
        found["pan_p95_ms"][label] = round(statistics.quantiles(gaps, n=20)[-1], 2)
        found["pan_frames_per_s"][label] = round(1000 * len(gaps) / sum(gaps), 1)
        if ratio == 1:
            del shown["shown_ms"]
            found["network"] = shown | _per_second(notebook.page, received)
        notebook.close()
        lab.shut_down_kernels()
    return found


def side_by_side(browser: Browser, lab: JupyterLab) -> dict[str, Any]:
    """The demo in our widget and in ezmsg-dashboard's page: until numbers are seen, and after."""
    lab.write_notebook("demo.ipynb", ["import ezmsg_nb as ezn\ng = ezn.demo()\nprint(g.address)"])
    notebook = NotebookPage(browser, lab, "demo.ipynb")
    notebook.run_all()
    address = notebook.cells.first.locator(".jp-OutputArea-output").first.inner_text().strip()
    received = Received(notebook.page)
    ours = _shown(notebook.page, received, lambda: notebook.run_code("g"), OUR_NUMBERS)
    ours |= _per_second(notebook.page, received)
    theirs: dict[str, Any] | None = None
    with dashboard_python() as python:
        if python is not None:
            port = free_port()
            with dashboard_server(python, address, port):
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                got = Received(page)
                where = f"http://127.0.0.1:{port}/"
                theirs = _shown(page, got, lambda: page.goto(where), THEIR_NUMBERS)
                theirs |= _per_second(page, got)
                page.close()
    notebook.close()
    return {"ours": ours, "ezmsg_dashboard": theirs}


def main() -> None:
    options = arguments(__doc__ or "")
    frames = 120 if options.quick else 480
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        lab = JupyterLab(Path(folder))
        try:
            figures = {"lab": in_lab(browser, lab, frames), "demo": side_by_side(browser, lab)}
        finally:
            lab.close()
    report(figures)


if __name__ == "__main__":
    main()
