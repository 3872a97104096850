"""How fast the picture of a graph is, in headless Chromium, beside React Flow and Cytoscape + ELK.

The peers are installed from npm into a folder that is thrown away; without a network they are
left out. All work in one page, in turn, on the same generated graphs. Times are in ms.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from benchmarks.harness import arguments, report
from benchmarks.topology_graphs import generated
from ezmsg_nb.front_end import bundle
from ezmsg_nb.topology_numbers import GraphNumbers
from ezmsg_nb.topology_widget import TopologyWidget

HERE = Path(__file__).parent
FRONTEND = HERE.parent / "frontend"
PEERS = ("@xyflow/react@^12", "react@^19", "react-dom@^19", "cytoscape@^3", "elkjs@^0.11")
SIZES = (20, 100, 1000, 3000)
PEER_DEADLINE_MS = 15_000
ADDRESS = "http://topology.test/"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    path = next((one for one in ("chromium", "google-chrome") if shutil.which(one)), "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(path), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def built_peers(folder: Path) -> Path | None:
    """The peers as one script and one style sheet; None where they can't be installed."""
    (folder / "package.json").write_text('{"private": true}')
    shutil.copy(HERE / "topology_peers.js", folder / "peers.js")
    npm = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", *PEERS]
    esbuild = [
        *("node", str(FRONTEND / "node_modules" / "esbuild" / "bin" / "esbuild")),
        *("peers.js", "--bundle", "--minify", "--outfile=built.js", "--format=iife"),
        *('--define:process.env.NODE_ENV="production"', "--log-level=error"),
    ]
    try:
        subprocess.run(npm, cwd=folder, check=True, timeout=120)
        subprocess.run(esbuild, cwd=folder, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"Peers are left out: {error}")
        return None
    return folder / "built.js"


def crossings() -> dict[str, list[int]]:
    """Crossings of our layout and of ELK's, on the graphs of the front end's tests."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "crossings.mjs"
        esbuild = [
            *("node", str(FRONTEND / "node_modules" / "esbuild" / "bin" / "esbuild")),
            *("tests/crossings_report.ts", "--bundle", "--platform=node", "--format=esm"),
            *(f"--outfile={script}", "--log-level=error", "--external:web-worker"),
        ]
        subprocess.run(esbuild, cwd=FRONTEND, check=True, timeout=120)
        said = subprocess.run(
            ["node", str(script)], capture_output=True, text=True, check=True, timeout=300
        )
    found: dict[str, list[int]] = json.loads(said.stdout)
    return found


def state_of(size: int, folded: bool) -> dict[str, Any]:
    topology = generated(size)
    widget = TopologyWidget(topology, height=560)
    widget.show_status("connected", "127.0.0.1:25978")
    state = {key: value for key, value in widget.get_state().items() if key != "_esm"}
    state["folded"] = list(topology.collections) if folded else []
    widget.close()
    state["count"] = len(GraphNumbers().vector(topology))
    encoded: dict[str, Any] = json.loads(json.dumps(state))
    return encoded


def open_page(browser: Browser, pixel_ratio: int, peers: Path | None) -> Page:
    page = browser.new_page(
        viewport={"width": 1100, "height": 640}, device_scale_factor=pixel_ratio
    )
    # A page with an origin, as in Jupyter: in one without, no worker may run.
    shell = "<!doctype html><html lang=en><meta charset=utf-8><main></main>"
    page.route(ADDRESS, lambda route: route.fulfill(body=shell, content_type="text/html"))
    page.goto(ADDRESS)
    style = bundle("topology", "css").read_text()
    if peers is not None and peers.with_suffix(".css").exists():
        style += peers.with_suffix(".css").read_text()
    page.add_style_tag(content=style)
    page.add_script_tag(path=HERE / "topology_page.js")
    if peers is not None:
        page.add_script_tag(path=peers)
    page.evaluate("(source) => { window.our = ours(source); return our.prepare(); }", _source())
    return page


def _source() -> str:
    return bundle("topology").read_text()


PAINT = """async ([who, data]) => {
  const one = who < 0 ? our : peers[who];
  const time = await bench.firstPaint(one, who < 0 ? data : data._topology);
  one.clear();
  return time;
}"""

PAN = """async ([who, data, frames]) => {
  const one = who < 0 ? our : peers[who];
  one.count = data.count;
  one.revision = data._topology.revision;
  await one.show(who < 0 ? data : data._topology, bench.host());
  for (let i = 0; i < 30; i++) await bench.frame();
  const gaps = await bench.pan(one, frames);
  const updates = [];
  for (let i = 0; i < 9; i++) {
    updates.push(one.update());
    await bench.frame();
  }
  one.clear();
  return [gaps, updates.sort((a, b) => a - b)[4]];
}"""

FOLD = """async ([data, one, rounds]) => {
  await our.show(data, bench.host());
  for (let i = 0; i < 30; i++) await bench.frame();
  const all = data.folded;
  const times = [];
  for (let i = 0; i < rounds; i++) {
    times.push(await our.fold(i % 2 ? all : all.filter((id) => id !== one)));
    for (let j = 0; j < 30; j++) await bench.frame();
  }
  our.clear();
  return times;
}"""


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    options = arguments(__doc__ or "")
    rounds = 1 if options.quick else 5
    sizes = SIZES[:3] if options.quick else SIZES
    frames = 60 if options.quick else 240
    figures: dict[str, Any] = {
        "bundle_kb": bundle("topology").stat().st_size / 1000,
        "style_kb": bundle("topology", "css").stat().st_size / 1000,
        "first_paint_ms": {},
        "pan_p95_ms": {},
        "pan_frames_per_s": {},
        "fold_ms": {},
    }
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        peers = built_peers(Path(folder))
        names = ["react_flow", "cytoscape_elk"] if peers is not None else []
        page = open_page(browser, 1, peers)
        for size in sizes:
            for folded in (True, False):
                data = state_of(size, folded)
                label = f"{size} folded" if folded else str(size)
                times = [page.evaluate(PAINT, [-1, data]) for _ in range(rounds + 1)]
                figures["first_paint_ms"][label] = round(statistics.median(times[1:]), 1)
        for ratio in (1, 2):
            moving = page if ratio == 1 else open_page(browser, ratio, None)
            for size in (100, 1000):
                gaps, update = moving.evaluate(PAN, [-1, state_of(size, False), frames])
                label = f"{size}" if ratio == 1 else f"{size} at DPR 2"
                figures["pan_p95_ms"][label] = round(p95(gaps), 2)
                figures["pan_frames_per_s"][label] = round(1000 * len(gaps) / sum(gaps), 1)
                if (size, ratio) == (1000, 1):
                    figures["update_all_edges_ms"] = round(update, 3)
                    figures["edges"] = len(generated(size).edges)
        for size in (100, 1000):
            data = state_of(size, True)
            times = page.evaluate(FOLD, [data, data["folded"][0], 2 * rounds])
            figures["fold_ms"][str(size)] = round(statistics.median(times), 1)
        for who, name in enumerate(names):
            try:
                figures[name] = measured_peer(page, who, sizes, 1 if options.quick else 3)
            except PlaywrightError as error:
                figures[name] = {"failed": str(error).splitlines()[0]}
    counted = crossings()
    figures["layout_crossings_vs_elk"] = {
        kind: round(ours / elk, 3) for kind, (ours, elk) in counted.items()
    }
    report(figures)


def within(page: Page, script: str, arguments: list[Any]) -> Any:
    """What a script gives, unless it takes longer than a peer may."""
    late = f"new Promise((_, no) => setTimeout(() => no(new Error('late')), {PEER_DEADLINE_MS}))"
    return page.evaluate(f"(all) => Promise.race([({script})(all), {late}])", arguments)


def measured_peer(page: Page, who: int, sizes: tuple[int, ...], rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {"first_paint_ms": {}, "pan_p95_ms": {}, "pan_frames_per_s": {}}
    for size in (one for one in sizes if one <= 1000):
        data = state_of(size, False)
        times = [within(page, PAINT, [who, data]) for _ in range(rounds if size < 1000 else 1)]
        found["first_paint_ms"][str(size)] = round(statistics.median(times), 1)
    gaps, update = within(page, PAN, [who, state_of(1000, False), 40])
    found["pan_p95_ms"]["1000"] = round(p95(gaps), 1)
    found["pan_frames_per_s"]["1000"] = round(1000 * len(gaps) / sum(gaps), 1)
    found["update_all_edges_ms"] = round(update, 1)
    return found


if __name__ == "__main__":
    main()
