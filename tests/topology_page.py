"""The topology widget in a real Chromium without Jupyter: a page's views of a real widget.

What ipykernel, the Jupyter server and anywidget do between the two is one queue here.
"""

from __future__ import annotations

import base64
import json
import queue
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from ezmsg_nb.topology_widget import TopologyWidget

LIGHT = "--jp-layout-color0:white;--jp-ui-font-color0:black;--jp-brand-color1:#1976d2"
DARK = "--jp-layout-color0:#111;--jp-ui-font-color0:white;--jp-brand-color1:#2196f3"
PAGE = f"""
<!doctype html><html lang="en"><meta charset="utf-8"><title>topology</title>
<style>
  :root {{ {LIGHT}; }}
  :root.dark {{ {DARK}; }}
  body {{ margin: 12px; background: var(--jp-layout-color0); min-height: 1600px; }}
</style>
<main></main>
"""

CONNECT = """
async ([source, state]) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: state._css }));
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const widget = (await import(url)).default();
  const handlers = new Map();
  let changed = {};
  const emit = (event, ...args) => handlers.get(event)?.forEach((f) => f(...args));
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      changed[name] = state[name] = value;
      emit(`change:${name}`);
    },
    save_changes: () => {
      void window.toKernel(JSON.stringify({ state: changed }));
      changed = {};
    },
    send: (content) => void window.toKernel(JSON.stringify({ content })),
    on: (event, f) => handlers.set(event, (handlers.get(event) ?? new Set()).add(f)),
    off: (event, f) => handlers.get(event)?.delete(f),
  };
  window.fromKernel = (message) => {
    if (message.state) {
      Object.assign(state, message.state);
      for (const name of Object.keys(message.state)) emit(`change:${name}`);
      return;
    }
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const views = (message.buffers ?? []).map((text) => new DataView(bytes(text).buffer));
    emit("msg:custom", message.content, views);
  };
  window.handlerCount = () => [...handlers.values()].reduce((sum, set) => sum + set.size, 0);
  window.endModel = widget.initialize({ model });
  window.views = [];
  window.show = (width) => {
    const el = document.createElement("div");
    el.style.cssText = `width:${width}px;margin-bottom:12px`;
    views.push(widget.render({ model, el }));
    // As in Jupyter: the element comes into the page after it was rendered.
    setTimeout(() => document.querySelector("main").append(el), 20);
  };
}
"""


class TopologyPage:
    """A page with views of one widget."""

    def __init__(self, page: Page, widget: TopologyWidget, *, policy: str = "") -> None:
        self.page = page
        self._widget = widget
        self._outbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        # A policy has to stand before what it is about.
        tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
        page.set_content(PAGE.replace("<title>", f"{tag}<title>"))
        page.expose_function("toKernel", self._to_kernel)
        state = widget.get_state()
        widget.send = self._send
        widget.send_state = self._send_state
        page.evaluate(CONNECT, [widget._esm, json.loads(json.dumps(state))])

    def _send(self, content: Any, buffers: Any = None) -> None:
        encoded = [base64.b64encode(one).decode("ascii") for one in buffers or []]
        self._outbox.put({"content": content, "buffers": encoded})

    def _send_state(self, key: Any = None) -> None:
        keys = [key] if isinstance(key, str) else sorted(key or self._widget.keys)
        self._outbox.put({"state": {one: getattr(self._widget, one) for one in keys}})

    def _to_kernel(self, text: str) -> None:
        message = json.loads(text)
        if "state" in message:
            self._widget.set_state(message["state"])
        else:
            self._widget._handle_custom_msg(message["content"], [])

    def show(self, *, width: int = 900) -> Locator:
        """Show one more view; the returned element is its root."""
        self.page.evaluate("(width) => show(width)", width)
        root = self.page.locator('[data-ezmsg-nb="topology"]').last
        self.until(lambda: root.is_visible(), "the view is in the page")
        self.pump(150)
        return root

    def pump(self, for_ms: int = 100) -> None:
        """Carry messages in both directions for a while."""
        waited = 0
        while waited < for_ms:
            while True:
                try:
                    message = self._outbox.get_nowait()
                except queue.Empty:
                    break
                self.page.evaluate("(message) => fromKernel(message)", message)
            self.page.wait_for_timeout(20)
            waited += 20

    def until(self, done: Any, what: str, deadline_ms: int = 5_000) -> None:
        """Carry messages until a condition holds."""
        waited = 0
        while not done():
            if waited >= deadline_ms:
                pytest.fail(f"Not within {deadline_ms} ms: {what}", pytrace=True)
            self.pump(40)
            waited += 40

    def make_dark(self) -> None:
        """What JupyterLab does: names the theme first, its style sheet comes a little later."""
        self.page.evaluate(
            """() => {
              document.body.dataset.jpThemeName = "JupyterLab Dark";
              setTimeout(() => document.documentElement.classList.add("dark"), 150);
            }"""
        )

    def pixels(self, root: Locator, canvas: int = 0) -> dict[str, int]:
        """Colours of a view's canvas (0: the picture, 1: what is live), and how many have each."""
        counts: dict[str, int] = (
            root.locator(".ezn-stage > canvas")
            .nth(canvas)
            .evaluate(
                """(canvas) => {
              const { width, height } = canvas;
              const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
              const counts = {};
              for (let i = 0; i < data.length; i += 4) {
                if (data[i + 3] < 255) continue;
                const color = `${data[i]},${data[i + 1]},${data[i + 2]}`;
                counts[color] = (counts[color] ?? 0) + 1;
              }
              return counts;
            }"""
            )
        )
        return counts

    def place_of(self, root: Locator, name: str) -> tuple[float, float]:
        """Where on the page a box is drawn: found by its hover card, as a person would."""
        place = root.locator(".ezn-stage").evaluate(
            """(stage, name) => {
              const at = stage.getBoundingClientRect();
              const card = stage.querySelector(".ezn-hover");
              for (let y = at.top + 8; y < at.bottom; y += 12) {
                for (let x = at.left + 8; x < at.right; x += 16) {
                  const place = { clientX: x, clientY: y, bubbles: true };
                  stage.dispatchEvent(new PointerEvent("pointermove", place));
                  if (!card.hidden && card.querySelector("b").textContent === name) return [x, y];
                }
              }
              return null;
            }""",
            name,
        )
        assert place is not None, f"{name} is nowhere under the pointer"
        x, y = place
        self.page.mouse.move(x, y)
        return x, y

    def ports_of(self, root: Locator, name: str) -> dict[str, tuple[float, float]]:
        """Where on the page the first input (west) and output (east) of a unit are drawn."""
        x, y = self.place_of(root, name)
        left, top, right, bottom = root.locator(".ezn-stage").evaluate(
            """(stage, [name, x, y]) => {
              const card = stage.querySelector(".ezn-hover");
              const isIn = (clientX, clientY) => {
                const place = { clientX, clientY, bubbles: true };
                stage.dispatchEvent(new PointerEvent("pointermove", place));
                return !card.hidden && card.querySelector("b").textContent === name;
              };
              const reach = (dx, dy) => {
                let steps = 0;
                while (isIn(x + (steps + 1) * dx, y + (steps + 1) * dy)) steps += 1;
                return steps;
              };
              return [x - reach(-1, 0), y - reach(0, -1), x + reach(1, 0), y + reach(0, 1)];
            }""",
            [name, x, y],
        )
        # Of 65 units of height the first row of ports stands at 49.
        row = top + (bottom - top) * 49 / 65
        return {"west": (left, row), "east": (right, row)}
