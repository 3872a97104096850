/** One view of a topology widget: its page elements, and what is drawn when. */
import { make } from "../shared/make";
import { applyTheme, readTheme, type Theme, watchTheme } from "../shared/theme";
import * as camera from "./camera";
import { fillLegend, StatusLine, Tools } from "./chrome";
import { foldedAfterChange, openGraph } from "./expansion";
import { listen } from "./gestures";
import { fillBoxDetails, fillLineDetails, placeCard } from "./hover";
import type { LayoutMemory } from "./layout/compose";
import type { Point } from "./layout/types";
import { UNLIMITED } from "./layout/types";
import type { Measure } from "./levels";
import { Minimap } from "./minimap";
import { Motion } from "./motion";
import { type ProcessMark, ProcessMarks } from "./processes";
import { boxAt, buildScene, lineAt, type Scene } from "./scene";
import { SearchBox } from "./search_box";
import { Spotlight } from "./spotlight";
import type { Change, TopologyModel, TopologyStore } from "./store";
import css from "./style.css";
import { type Picture, Surface } from "./surface";
import { fontOf } from "./text";
import { Twin } from "./twin";
import { Viewpoint } from "./viewpoint";
import { watchVisibility } from "./visibility";
import { describeStatus } from "./words";

const PADDING = 16;
/** What was found is shown at least this large. */
const FOUND_SCALE = 0.8;
const HEARTBEAT_MS = 4000;
/** The kernel answers each heartbeat; after this long it is said that it doesn't. */
const SILENT_MS = 9000;
const TWIN_INTERVAL_MS = 500;
/** A view of another proportion than the layout was made for gets a new one. */
const ASPECT_CHANGE = 1.3;

export class TopologyView {
  readonly #root = make("div", { class: "ezn-topology" });
  readonly #stage = make("div", { class: "ezn-stage" });
  readonly #message = make("div", { class: "ezn-message" });
  readonly #legend = make("ul", { class: "ezn-legend" });
  readonly #card = make("div", { class: "ezn-hover" });
  readonly #hint = make("div", { class: "ezn-hint" });
  readonly #tools = new Tools({
    search: () => this.#openSearch(),
    path: () => this.#togglePath(),
    zoomIn: () => this.#zoom(1.25),
    zoomOut: () => this.#zoom(0.8),
    fit: () => this.#fit(),
  });
  readonly #status = new StatusLine(this.#tools.element);
  readonly #twin: Twin;
  readonly #surface = new Surface(this.#stage, (now) => this.#compose(now));
  readonly #search = new SearchBox({
    search: (text) => {
      this.#spotlight.search(text);
      this.#showSpotlight();
    },
    next: (step) => this.#goToFound(step),
    close: () => this.#closeSearch(),
  });
  readonly #minimap = new Minimap((point) =>
    this.#move((view, scene) => view.centre(point, scene)),
  );
  readonly #id = Math.random().toString(36).slice(2);
  readonly #stops: (() => void)[] = [];

  #theme: Theme;
  readonly #processMarks = new ProcessMarks();
  #marks: Map<string, ProcessMark> = new Map();
  #scene: Scene | null = null;
  #memory: LayoutMemory | null = null;
  #autoFolded: ReadonlySet<string> | null = null;
  #folded: ReadonlySet<string> = new Set();
  readonly #motion = new Motion();
  readonly #viewpoint = new Viewpoint(this.#surface, () => this.#insets());
  #laidOutAspect = 0;
  #hovered: string | null = null;
  #focused: string | null = null;
  #byKeyboard = true;

  readonly #spotlight = new Spotlight();
  #visible = false;
  #hintTimer: ReturnType<typeof setTimeout> | undefined;
  #twinShownAt = -UNLIMITED;
  #twinTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #stillness = matchMedia("(prefers-reduced-motion: reduce)");

  readonly #store: TopologyStore;
  readonly #model: TopologyModel;
  readonly #host: HTMLElement;

  constructor(store: TopologyStore, model: TopologyModel, host: HTMLElement) {
    this.#store = store;
    this.#model = model;
    this.#host = host;

    this.#twin = new Twin({
      focus: (id) => this.#onTwinFocus(id),
      select: (id) => this.#select(this.#model.get("selected") === id ? null : id),
      fold: (id, folded) => this.#fold(id, folded),
    });
    this.#build();
    this.#theme = readTheme(this.#root);
    this.#observe();
    this.#showHeight();
    this.#showStatus();
    this.#rebuildTwin();
  }

  destroy(): void {
    for (const stop of this.#stops) stop();
    this.#surface.destroy();
    for (const timer of [this.#hintTimer, this.#twinTimer]) clearTimeout(timer);
    if (this.#visible) this.#store.tellView(this.#id, false);
    this.#root.remove();
  }

  #build(): void {
    this.#root.dataset.ezmsgNb = "topology";
    // JupyterLab's shortcuts (0 0 restarts the kernel) are not meant while the focus is here.
    this.#root.dataset.lmSuppressShortcuts = "true";
    this.#card.hidden = true;
    this.#legend.setAttribute("aria-label", "Processes");
    this.#stage.append(
      this.#message,
      this.#legend,
      this.#minimap.element,
      this.#search.element,
      this.#card,
      this.#hint,
    );
    this.#root.append(
      make("style", {}, css),
      this.#twin.element,
      this.#stage,
      this.#status.element,
    );
    this.#host.append(this.#root);
  }

  #observe(): void {
    const sizes = new ResizeObserver(() => this.#onResize());
    sizes.observe(this.#stage);
    const beat = setInterval(() => this.#heartbeat(), HEARTBEAT_MS);
    const watch = setInterval(() => this.#showStatus(), 1000);
    this.#stops.push(
      () => sizes.disconnect(),
      () => clearInterval(beat),
      () => clearInterval(watch),
      watchTheme(() => this.#onTheme()),
      watchVisibility(this.#root, (visible) => this.#onVisibility(visible)),
      this.#store.onChange((change) => this.#onChange(change)),
      listen(this.#root, this.#stage, {
        pan: (dx, dy) => this.#move((view, scene) => view.pan(dx, dy, scene)),
        zoom: (factor, at) => this.#zoom(factor, at),
        fit: () => this.#fit(),
        click: (at) => this.#onClick(at),
        doubleClick: (at) => this.#onDoubleClick(at),
        hover: (at) => this.#onHover(at),
        search: () => this.#openSearch(),
        path: () => this.#togglePath(),
        escape: () => this.#select(null),
        engage: () => this.#useKeyboard(false),
        key: () => this.#useKeyboard(true),
        wheelIgnored: () => this.#showHint("Click here, or hold Ctrl, to zoom with the wheel"),
      }),
    );
  }

  // What the kernel says

  #onChange(change: Change): void {
    switch (change) {
      case "topology":
        if (this.#autoFolded)
          this.#autoFolded = foldedAfterChange(this.#autoFolded, this.#store.graph);
        this.#layout();
        this.#rebuildTwin();
        this.#showStatus();
        this.#showSpotlight();
        break;
      case "folded":
        this.#layout();
        this.#rebuildTwin();
        break;
      case "rates":
        this.#showRatesSoon();
        this.#redraw();
        break;
      case "conditions":
        this.#rebuildScene();
        this.#twin.showConditions(this.#store.conditions, this.#marks);
        break;
      case "selected":
        this.#twin.showSelected(this.#model.get("selected"));
        this.#showSpotlight();
        break;
      case "status":
        this.#showStatus();
        break;
      case "height":
        this.#showHeight();
    }
  }

  #showHeight(): void {
    this.#root.style.height = `${Math.max(160, this.#model.get("height"))}px`;
  }

  #showStatus(): void {
    const store = this.#store;
    const silent = performance.now() - store.heardAt;
    const isSilent = this.#visible && silent > SILENT_MS && store.status.state === "connected";
    const { headline, detail } = describeStatus(
      store.status,
      store.graph,
      isSilent ? silent / 1000 : null,
    );
    const isEmpty = store.graph.components.size === 0;
    this.#root.dataset.units = String(store.graph.units.size);
    if (store.mismatch !== null) {
      this.#root.dataset.state = "mismatch";
      this.#status.show("Reload the page", store.mismatch);
      this.#message.textContent = isEmpty ? store.mismatch : "";
      return;
    }
    const state = isSilent ? "silent" : store.status.state;
    this.#root.dataset.state = state;
    const dimmed = state !== "connected" && state !== "connecting" ? "true" : "false";
    if (this.#root.dataset.dimmed !== dimmed) {
      this.#root.dataset.dimmed = dimmed;
      this.#redraw();
    }
    this.#status.show(headline, detail);
    const waiting = {
      connected: "There are no units in this graph yet.",
      connecting: "Connecting…",
    };
    this.#message.textContent = isEmpty
      ? (waiting[state as keyof typeof waiting] ?? `${headline}. ${detail}`)
      : "";
  }

  // Theme, size, visibility

  #onTheme(): void {
    const theme = readTheme(this.#root);
    const fontChanged = theme.font !== this.#theme.font;
    if (JSON.stringify(theme) === JSON.stringify(this.#theme) && this.#scene) return;
    this.#theme = theme;
    applyTheme(this.#root, theme);
    if (fontChanged) this.#layout();
    else this.#rebuildScene();
  }

  #onResize(): void {
    const isFirst = this.#surface.width === 0;
    if (!this.#surface.resize()) return;
    if (isFirst) {
      this.#theme = readTheme(this.#root);
      applyTheme(this.#root, this.#theme);
    }
    const aspect = this.#surface.width / this.#surface.height;
    const change = Math.max(aspect / this.#laidOutAspect, this.#laidOutAspect / aspect);
    if (!this.#scene || change > ASPECT_CHANGE) this.#layout();
    else this.#viewpoint.refit(this.#scene);
    this.#surface.paintNow();
  }

  #onVisibility(visible: boolean): void {
    this.#visible = visible;
    this.#store.heardAt = performance.now();
    this.#store.tellView(this.#id, visible);
    this.#surface.active = visible;
  }

  #heartbeat(): void {
    if (this.#visible) this.#store.tellView(this.#id, true);
  }

  // Layout

  #layout(): void {
    if (this.#surface.width === 0) return;
    this.#marks = this.#processMarks.of(this.#store.graph, this.#theme);
    fillLegend(this.#legend, this.#marks, this.#theme);
    const insets = this.#insets();
    const view = {
      width: this.#surface.width - insets.left - insets.right,
      height: this.#surface.height - insets.top - insets.bottom,
    };
    const chosen = this.#model.get("folded");
    const known = chosen === null ? this.#autoFolded : new Set(chosen);
    const opened = openGraph(this.#store.graph, known, this.#measure, view, this.#memory);
    if (chosen === null) this.#autoFolded = opened.folded;
    this.#folded = opened.folded;
    this.#memory = opened.placed.memory;
    this.#laidOutAspect = this.#surface.width / this.#surface.height;
    const before = this.#scene;
    const { drawing, placed } = opened;
    this.#scene = buildScene(drawing, placed, this.#marks, this.#store.conditions);
    this.#viewpoint.follow(before, this.#scene);
    this.#card.hidden = true;
    this.#motion.begin(this.#scene, performance.now(), !this.#stillness.matches && this.#visible);
    this.#placedScene = { drawing, placed };
    this.#redraw();
  }

  #placedScene: Pick<ReturnType<typeof openGraph>, "drawing" | "placed"> | null = null;

  /** The same boxes in the same places, in other colours. */
  #rebuildScene(): void {
    if (!this.#placedScene) return;
    const { drawing, placed } = this.#placedScene;
    this.#marks = this.#processMarks.of(this.#store.graph, this.#theme);
    fillLegend(this.#legend, this.#marks, this.#theme);
    this.#scene = buildScene(drawing, placed, this.#marks, this.#store.conditions);
    this.#redraw();
  }

  readonly #measure: Measure = (text, style) => {
    const font = fontOf(this.#theme.font);
    return this.#surface.measure(text, style === "title" ? font(13, 600) : font(11));
  };

  // Camera

  #fit(): void {
    this.#move((view, scene) => view.showAll(scene));
  }

  /** What a fitted drawing keeps free: the legend at the bottom. */
  #insets(): camera.Insets {
    const bottom = this.#legend.offsetHeight + PADDING;
    return { top: PADDING, right: PADDING, bottom, left: PADDING };
  }

  #move(how: (view: Viewpoint, scene: Scene) => void): void {
    if (!this.#scene) return;
    how(this.#viewpoint, this.#scene);
    this.#card.hidden = true;
    this.#redraw();
  }

  #zoom(factor: number, at?: Point): void {
    this.#move((view, scene) => view.zoom(factor, scene, at));
  }

  // What the user does

  #select(id: string | null): void {
    if (id !== null && !this.#store.graph.units.has(id)) return;
    if (this.#model.get("selected") === id) return;
    this.#model.set("selected", id);
    this.#model.save_changes();
    this.#twin.showSelected(id);
    this.#showSpotlight();
  }

  #fold(id: string, folded: boolean): void {
    const next = new Set(this.#folded);
    if (folded) next.add(id);
    else next.delete(id);
    this.#model.set("folded", [...next].sort());
    this.#model.save_changes();
  }

  #onClick(at: Point): void {
    const one = this.#scene && boxAt(this.#scene, camera.toWorld(this.#viewpoint.camera, at));
    this.#select(one?.box.kind === "unit" ? one.box.id : null);
    if (one) this.#twin.focus(one.box.id);
  }

  #onDoubleClick(at: Point): void {
    const one = this.#scene && boxAt(this.#scene, camera.toWorld(this.#viewpoint.camera, at));
    if (one?.box.kind === "folded") this.#fold(one.box.id, false);
    else if (one?.box.kind === "group") this.#fold(one.box.id, true);
  }

  #openSearch(): void {
    if (this.#search.isOpen) this.#closeSearch();
    else this.#search.open();
  }

  #closeSearch(): void {
    this.#search.close();
    this.#spotlight.search("");
    this.#showSpotlight();
    this.#twin.focus();
  }

  #goToFound(step: 1 | -1): void {
    const id = this.#spotlight.next(step);
    this.#search.showCount(this.#spotlight.found.length, this.#spotlight.at);
    if (id === null || !this.#scene) return;
    const around = this.#scene.graph.ancestors(id).reverse();
    const shown = [id, ...around].map((one) => this.#scene?.boxes.get(one)).find(Boolean);
    if (!shown) return;
    const { rect } = shown;
    const middle = { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 };
    this.#move((view, scene) => view.centre(middle, scene, FOUND_SCALE));
    this.#select(id);
  }

  #togglePath(): void {
    this.#spotlight.pathFocus = !this.#spotlight.pathFocus;
    this.#tools.showPath(this.#spotlight.pathFocus);
    if (this.#spotlight.pathFocus && this.#model.get("selected") === null) {
      this.#showHint("Select a unit to see what feeds it and what it feeds");
    }
    this.#showSpotlight();
  }

  #showSpotlight(): void {
    this.#spotlight.update(this.#store.graph, this.#model.get("selected"));
    this.#search.showCount(this.#spotlight.found.length, this.#spotlight.at);
    this.#redraw();
  }

  #onHover(at: Point | null): void {
    const scene = this.#scene;
    const world = at && camera.toWorld(this.#viewpoint.camera, at);
    const one = scene && world && boxAt(scene, world);
    const line =
      scene && world && (!one || one.box.kind === "group")
        ? lineAt(scene, world, 6 / this.#viewpoint.camera.scale)
        : null;
    const hovered = one?.box.id ?? null;
    if (hovered !== this.#hovered) {
      this.#hovered = hovered;
      this.#surface.redrawCards();
    }
    this.#stage.classList.toggle("ezn-over-box", one?.box.kind === "unit");
    if (!at || !scene || (!one && !line)) {
      this.#card.hidden = true;
      return;
    }
    if (line) fillLineDetails(this.#card, line, scene.graph, this.#store.rates);
    else if (one) fillBoxDetails(this.#card, one, scene.graph, this.#store.rates);
    placeCard(this.#card, at.x, at.y, this.#stage);
  }

  /** The keyboard's place is marked only for who uses the keyboard. */
  #useKeyboard(byKeyboard: boolean): void {
    this.#byKeyboard = byKeyboard;
    this.#root.dataset.keyboard = String(byKeyboard);
    if (!byKeyboard) this.#twin.focus();
    this.#onTwinFocus(byKeyboard ? this.#twin.current : null);
  }

  #onTwinFocus(id: string | null): void {
    // Whoever comes back without the pointer comes by keyboard.
    if (id === null && !this.#root.contains(document.activeElement)) this.#byKeyboard = true;
    this.#focused = this.#byKeyboard ? id : null;
    const rect = this.#focused === null ? undefined : this.#scene?.boxes.get(this.#focused)?.rect;
    if (rect) this.#viewpoint.reveal(rect);
    this.#redraw();
  }

  #showHint(text: string): void {
    this.#hint.textContent = text;
    this.#hint.classList.add("ezn-shown");
    clearTimeout(this.#hintTimer);
    this.#hintTimer = setTimeout(() => this.#hint.classList.remove("ezn-shown"), 1600);
  }

  // The accessible twin

  #rebuildTwin(): void {
    this.#marks = this.#processMarks.of(this.#store.graph, this.#theme);
    this.#twin.rebuild(this.#store.graph, this.#folded, this.#marks, this.#store.conditions);
    this.#twin.showSelected(this.#model.get("selected"));
    this.#twin.showRates(this.#store.graph, this.#store.rates);
  }

  #showRatesSoon(): void {
    const wait = this.#twinShownAt + TWIN_INTERVAL_MS - performance.now();
    clearTimeout(this.#twinTimer);
    const show = (): void => {
      this.#twinShownAt = performance.now();
      this.#twin.showRates(this.#store.graph, this.#store.rates);
    };
    if (wait <= 0) show();
    else this.#twinTimer = setTimeout(show, wait);
  }

  // Drawing

  #redraw(): void {
    this.#surface.redraw();
  }

  #compose(now: number): Picture | null {
    const scene = this.#scene;
    if (!scene) return null;
    const { width, height } = this.#surface;
    const isMoving = this.#motion.apply(scene, now);
    const fresh = this.#motion.freshness(now);
    this.#minimap.paint(scene, this.#viewpoint.camera, this.#surface.size, this.#theme);
    return {
      changing: isMoving || fresh.size > 0,
      frame: {
        scene,
        camera: this.#viewpoint.camera,
        theme: this.#theme,
        rates: this.#store.rates,
        width,
        height,
        pixelRatio: globalThis.devicePixelRatio || 1,
        time: now / 1000,
        moving: this.#root.dataset.dimmed !== "true" && !this.#stillness.matches,
        lineAlpha: this.#motion.progress(now),
        selected: this.#model.get("selected"),
        hovered: this.#hovered,
        focused: this.#focused,
        lit: this.#spotlight.lit,
        fresh,
      },
    };
  }
}
