"""The settings form in a real Chromium without Jupyter: the page's model talks to a real form.

What ipykernel, the Jupyter server and anywidget do between the two is one queue here.
"""

from __future__ import annotations

import contextlib
import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from test_settings_schema import make_field, schema_of

from ezmsg_nb.front_end import bundle
from ezmsg_nb.settings_form import SettingsForm

PATIENCE_MS = 30_000
"""A loaded machine takes its time; what is waited for mostly comes within a second."""
expect.set_options(timeout=PATIENCE_MS)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

KINDS = schema_of(
    make_field("gain", "float", bounds=(0.0, 10.0)),
    make_field("cutoff", "float | None"),
    make_field("invert", "bool | None"),
    make_field("on", "bool"),
    make_field("name", "str | None"),
    make_field("mode", "typing.Literal['fast', 'slow', 'off']"),
    make_field("sizes", "tuple[int, ...]"),
    make_field("band", "tuple[float, float]"),
    make_field("bands", "list[tuple[float, float]] | None"),
    make_field("labels", "dict[str, float]"),
    make_field("scale", "float | list[float]"),
    make_field("anything", "typing.Any"),
    make_field("kernel", "numpy.ndarray"),
    make_field("strategy", "Strategy"),
    make_field("text", "str"),
    make_field("inner", "package.Inner"),
)
KIND_VALUES: dict[str, Any] = {
    "gain": 2.5,
    "cutoff": None,
    "invert": None,
    "on": True,
    "name": None,
    "mode": "fast",
    "sizes": [1, 2],
    "band": [1.0, 40.0],
    "bands": [[1.0, 2.0]],
    "labels": {"a": 1.0},
    "scale": 1.0,
    "anything": None,
    "kernel": "array([1., 0.])",
    "strategy": "now",
    "text": "two\nlines",
    "inner": {"order": 4, "axis": None},
}

PAGE = """
<!doctype html><meta charset="utf-8"><title>settings form</title>
<style>
  :root { color-scheme: light; background: #fff; }
  :root.dark {
    color-scheme: dark; background: #111;
    --jp-ui-font-color1: rgba(255,255,255,.87); --jp-ui-font-color2: rgba(255,255,255,.54);
    --jp-ui-font-color3: rgba(255,255,255,.38); --jp-border-color1: #616161;
    --jp-border-color2: #424242; --jp-layout-color0: #111; --jp-layout-color1: #1a1a1a;
    --jp-layout-color2: #2a2a2a; --jp-brand-color1: #64b5f6; --jp-warn-color0: #ffb74d;
    --jp-error-color1: #ef7b7b; --jp-success-color1: #66bb6a;
  }
  body { margin: 12px; font: 13px system-ui, sans-serif; }
</style>
<div id="forms"></div>
"""

CONNECT = """
async ([source, id, state, width]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const widget = (window.loaded ??= (await import(url)).default);
  const handlers = new Set();
  const model = {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    save_changes: () => {},
    send: (content) => { void window.toKernel(id, JSON.stringify(content)); },
    on: (event, handler) => { if (event === "msg:custom") handlers.add(handler); },
    off: (event, handler) => handlers.delete(handler),
  };
  const element = document.createElement("div");
  element.style.width = `${width}px`;
  element.id = `form-${id}`;
  document.getElementById("forms").append(element);
  const close = await widget.render({ model, el: element });
  (window.views ??= new Map()).set(id, { handlers, close, element, model });
}
"""


class FormPage:
    """A page with forms in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._forms: dict[int, SettingsForm] = {}
        self._outbox: queue.SimpleQueue[tuple[int, object]] = queue.SimpleQueue()
        page.set_content(PAGE)
        page.expose_function("toKernel", self._to_kernel)

    def _to_kernel(self, number: int, content: str) -> None:
        form = self._forms.get(number)
        if form is not None:
            form._on_message(form, json.loads(content), [])

    def add(self, form: SettingsForm, *, width: int = 600) -> Locator:
        """Show a form; the returned element is its root."""
        number = len(self._forms) + 1
        self._forms[number] = form
        form.send = lambda content, buffers=None: self._outbox.put((number, content))
        state = form.get_state()
        sent = {name: state[name] for name in ("_protocol", "_form")}
        self.page.evaluate(
            CONNECT, [bundle("settings_form").read_text("utf-8"), number, sent, width]
        )
        self.pump()
        return self.page.locator(f"#form-{number}")

    def pump(self, for_ms: int = 60) -> None:
        """Carry messages in both directions for a while."""
        waited = 0
        while waited < for_ms:
            while True:
                try:
                    number, content = self._outbox.get_nowait()
                except queue.Empty:
                    break
                self.page.evaluate(
                    "([id, content]) => views.get(id).handlers.forEach((f) => f(content, []))",
                    [number, json.loads(json.dumps(content))],
                )
            self.page.wait_for_timeout(20)
            waited += 20

    def until(self, done: Any, what: str, deadline_ms: int = PATIENCE_MS) -> None:
        """Carry messages until a condition holds."""
        waited = 0
        while not done():
            if waited >= deadline_ms:
                pytest.fail(f"Not within {deadline_ms} ms: {what}", pytrace=True)
            self.pump(40)
            waited += 40

    def picture(self, path: Path) -> Path:
        # Given a path, playwright would write it on a thread that outlives the test.
        path.write_bytes(self.page.screenshot(full_page=True))
        return path


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    import shutil

    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    assert path is not None, f"None of {', '.join(BROWSERS)} is on PATH; `make browser` adds one."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        try:
            # Its helper processes start with the first page, and belong to it, not to a test.
            first = browser.new_page()
            first.set_content(PAGE)
            first.screenshot()
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def blank_page(browser: Browser) -> Iterator[Page]:
    """A page of its own, which must come to no error."""
    context = browser.new_context(viewport={"width": 700, "height": 900})
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    context.close()
    assert errors == []


def page_fixtures() -> tuple[Any, Any, Any]:
    """Fixtures of a test module: its browser, a page of it, and the same for forms."""

    @pytest.fixture(scope="module")
    def browser() -> Iterator[Browser]:
        with chromium() as started:
            yield started

    @pytest.fixture
    def page(browser: Browser) -> Iterator[Page]:
        with blank_page(browser) as made:
            yield made

    @pytest.fixture
    def form_page(page: Page) -> FormPage:
        return FormPage(page)

    return browser, page, form_page


def row(page: Page | Locator, path: str) -> Locator:
    return page.locator(f"[data-field='{path}']").first


def box(page: Page | Locator, path: str) -> Locator:
    return row(page, path).locator("textarea, input[type=text]").first


def note(page: Page, path: str) -> Locator:
    return page.locator(f"[data-reason-for='{path}']")


def value_is(form_page: FormPage, form: SettingsForm, path: str, value: object) -> None:
    def there() -> bool:
        found = form.fields[path].value
        return type(found) is type(value) and found == value

    form_page.until(there, f"{path} is {value!r}, and not {form.fields[path].value!r}")
    form_page.pump()


def waits_for_the_graph(form: SettingsForm, path: str) -> bool:
    field = form.fields[path]
    return field.state == "pending" and not field.queued
