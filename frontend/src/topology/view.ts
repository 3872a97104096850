/** One view of a topology widget: its page elements, and what is drawn when. */
import { applyTheme, readTheme, type Theme, watchTheme } from "../shared/theme";
import * as camera from "./camera";
import { buildTools, element, fillLegend, StatusLine } from "./chrome";
import { foldedAfterChange, openGraph } from "./expansion";
import { listen } from "./gestures";
import { fillBoxDetails, fillLineDetails, placeCard } from "./hover";
import type { LayoutMemory } from "./layout/compose";
import type { Point } from "./layout/types";
import type { Measure } from "./levels";
import { Motion } from "./motion";
import { paintCards } from "./paint/cards";
import type { Frame } from "./paint/frame";
import { paintLines } from "./paint/lines";
import { type ProcessMark, ProcessMarks } from "./processes";
import { boxAt, buildScene, lineAt, rateOf, type Scene } from "./scene";
import type { Change, TopologyModel, TopologyStore } from "./store";
import css from "./style.css";
import { fontOf, TextFitter } from "./text";
import { Twin } from "./twin";
import { describeStatus } from "./words";

const PADDING = 16;
const HEARTBEAT_MS = 4000;
/** The kernel answers each heartbeat; after this long it is said that it doesn't. */
const SILENT_MS = 9000;
const DASH_INTERVAL_MS = 40;
const TWIN_INTERVAL_MS = 500;
/** A view of another proportion than the layout was made for gets a new one. */
const ASPECT_CHANGE = 1.3;

export class TopologyView {
  private readonly root = element("div", "ezn-topology");
  private readonly stage = element("div", "ezn-stage");
  private readonly message = element("div", "ezn-message");
  private readonly legend = element("ul", "ezn-legend");
  private readonly card = element("div", "ezn-hover");
  private readonly hint = element("div", "ezn-hint");
  private readonly status = new StatusLine(
    buildTools({
      zoomIn: () => this.zoomCentre(1.25),
      zoomOut: () => this.zoomCentre(0.8),
      fit: () => this.fit(),
    }),
  );
  private readonly twin: Twin;
  private readonly lineCanvas = document.createElement("canvas");
  private readonly cardCanvas = document.createElement("canvas");
  private readonly lineContext: CanvasRenderingContext2D;
  private readonly cardContext: CanvasRenderingContext2D;
  private readonly fitter: TextFitter;
  private readonly id = Math.random().toString(36).slice(2);
  private readonly stops: (() => void)[] = [];

  private theme: Theme;
  private readonly processMarks = new ProcessMarks();
  private marks: Map<string, ProcessMark> = new Map();
  private scene: Scene | null = null;
  private memory: LayoutMemory | null = null;
  private autoFolded: ReadonlySet<string> | null = null;
  private folded: ReadonlySet<string> = new Set();
  private readonly motion = new Motion();
  private camera: camera.Camera = { x: 0, y: 0, scale: 1 };
  /** Whether the user has chosen what is in view; until then all is kept in view. */
  private moved = false;
  private width = 0;
  private height = 0;
  private laidOutAspect = 0;
  private hovered: string | null = null;
  private focused: string | null = null;
  private byKeyboard = true;

  private onScreen = false;
  private visible = false;
  private linesDirty = true;
  private cardsDirty = true;
  private frameRequest = 0;
  private dashTimer: ReturnType<typeof setTimeout> | undefined;
  private hintTimer: ReturnType<typeof setTimeout> | undefined;
  private twinShownAt = Number.NEGATIVE_INFINITY;
  private twinTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly stillness = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(
    private readonly store: TopologyStore,
    private readonly model: TopologyModel,
    private readonly host: HTMLElement,
  ) {
    this.twin = new Twin({
      focus: (id) => this.onTwinFocus(id),
      select: (id) => this.select(this.model.get("selected") === id ? null : id),
      fold: (id, folded) => this.fold(id, folded),
    });
    this.build();
    this.lineContext = context2d(this.lineCanvas);
    this.cardContext = context2d(this.cardCanvas);
    this.fitter = new TextFitter(this.cardContext);
    this.theme = readTheme(this.root);
    this.observe();
    this.showHeight();
    this.showStatus();
    this.rebuildTwin();
  }

  destroy(): void {
    for (const stop of this.stops) stop();
    cancelAnimationFrame(this.frameRequest);
    for (const timer of [this.dashTimer, this.hintTimer, this.twinTimer]) clearTimeout(timer);
    if (this.visible) this.store.tellView(this.id, false);
    this.root.remove();
  }

  private build(): void {
    const style = document.createElement("style");
    style.textContent = css;
    this.root.dataset.ezmsgNb = "topology";
    // JupyterLab's shortcuts (0 0 restarts the kernel) are not meant while the focus is here.
    this.root.dataset.lmSuppressShortcuts = "true";
    for (const canvas of [this.lineCanvas, this.cardCanvas]) {
      canvas.setAttribute("aria-hidden", "true");
    }
    this.card.hidden = true;
    this.legend.setAttribute("aria-label", "Processes");
    this.stage.append(
      this.lineCanvas,
      this.cardCanvas,
      this.message,
      this.legend,
      this.card,
      this.hint,
    );
    this.root.append(style, this.twin.element, this.stage, this.status.element);
    this.host.append(this.root);
  }

  private observe(): void {
    const sizes = new ResizeObserver(() => this.onResize());
    sizes.observe(this.stage);
    const seen = new IntersectionObserver((entries) => {
      this.onScreen = entries.at(-1)?.isIntersecting ?? false;
      this.onVisibility();
    });
    seen.observe(this.root);
    const onPage = (): void => this.onVisibility();
    document.addEventListener("visibilitychange", onPage);
    const beat = setInterval(() => this.heartbeat(), HEARTBEAT_MS);
    const watch = setInterval(() => this.showStatus(), 1000);
    this.stops.push(
      () => sizes.disconnect(),
      () => seen.disconnect(),
      () => document.removeEventListener("visibilitychange", onPage),
      () => clearInterval(beat),
      () => clearInterval(watch),
      watchTheme(() => this.onTheme()),
      this.store.onChange((change) => this.onChange(change)),
      listen(this.root, this.stage, {
        pan: (dx, dy) => this.moveCamera(camera.panBy(this.camera, dx, dy)),
        zoom: (at, factor) => this.moveCamera(camera.zoomAt(this.camera, at, factor)),
        zoomCentre: (factor) => this.zoomCentre(factor),
        fit: () => this.fit(),
        click: (at) => this.onClick(at),
        doubleClick: (at) => this.onDoubleClick(at),
        hover: (at) => this.onHover(at),
        escape: () => this.select(null),
        engage: () => this.useKeyboard(false),
        key: () => this.useKeyboard(true),
        wheelIgnored: () => this.showHint("Click here, or hold Ctrl, to zoom with the wheel"),
      }),
    );
  }

  // What the kernel says

  private onChange(change: Change): void {
    switch (change) {
      case "topology":
        if (this.autoFolded) this.autoFolded = foldedAfterChange(this.autoFolded, this.store.graph);
        this.layout();
        this.rebuildTwin();
        this.showStatus();
        break;
      case "folded":
        this.layout();
        this.rebuildTwin();
        break;
      case "rates":
        this.cardsDirty = true;
        this.linesDirty = true;
        this.showRatesSoon();
        this.schedule();
        break;
      case "conditions":
        this.rebuildScene();
        this.twin.showConditions(this.store.conditions, this.marks);
        break;
      case "selected":
        this.twin.showSelected(this.model.get("selected"));
        this.redraw();
        break;
      case "status":
        this.showStatus();
        break;
      case "height":
        this.showHeight();
    }
  }

  private showHeight(): void {
    this.root.style.height = `${Math.max(160, this.model.get("height"))}px`;
  }

  private showStatus(): void {
    const { store } = this;
    const silent = performance.now() - store.heardAt;
    const isSilent = this.visible && silent > SILENT_MS && store.status.state === "connected";
    const { headline, detail } = describeStatus(
      store.status,
      store.graph,
      isSilent ? silent / 1000 : null,
    );
    const isEmpty = store.graph.components.size === 0;
    this.root.dataset.units = String(store.graph.units.size);
    if (store.mismatch !== null) {
      this.root.dataset.state = "mismatch";
      this.status.show("Reload the page", store.mismatch);
      this.message.textContent = isEmpty ? store.mismatch : "";
      return;
    }
    const state = isSilent ? "silent" : store.status.state;
    this.root.dataset.state = state;
    const dimmed = state !== "connected" && state !== "connecting" ? "true" : "false";
    if (this.root.dataset.dimmed !== dimmed) {
      this.root.dataset.dimmed = dimmed;
      this.redraw();
    }
    this.status.show(headline, detail);
    const waiting = {
      connected: "There are no units in this graph yet.",
      connecting: "Connecting…",
    };
    this.message.textContent = isEmpty
      ? (waiting[state as keyof typeof waiting] ?? `${headline}. ${detail}`)
      : "";
  }

  // Theme, size, visibility

  private onTheme(): void {
    const theme = readTheme(this.root);
    const fontChanged = theme.font !== this.theme.font;
    if (JSON.stringify(theme) === JSON.stringify(this.theme) && this.scene) return;
    this.theme = theme;
    applyTheme(this.root, theme);
    if (fontChanged) this.layout();
    else this.rebuildScene();
  }

  private onResize(): void {
    const { clientWidth: width, clientHeight: height } = this.stage;
    // A view that is made, or hidden, has no size: nothing is known then.
    if (width === 0 || height === 0) return;
    const isFirst = this.width === 0;
    this.width = width;
    this.height = height;
    this.sizeCanvases();
    if (isFirst) {
      this.theme = readTheme(this.root);
      applyTheme(this.root, this.theme);
    }
    const aspect = width / height;
    const change = Math.max(aspect / this.laidOutAspect, this.laidOutAspect / aspect);
    if (!this.scene || change > ASPECT_CHANGE) this.layout();
    else if (!this.moved) this.fitNow();
    this.redraw();
    this.paint(performance.now());
  }

  private sizeCanvases(): void {
    const ratio = globalThis.devicePixelRatio || 1;
    for (const canvas of [this.lineCanvas, this.cardCanvas]) {
      const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
      if (canvas.width === width && canvas.height === height) continue;
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${this.width}px`;
      canvas.style.height = `${this.height}px`;
    }
  }

  private onVisibility(): void {
    const visible = this.onScreen && document.visibilityState === "visible";
    if (visible === this.visible) return;
    this.visible = visible;
    this.store.heardAt = performance.now();
    this.store.tellView(this.id, visible);
    if (visible) this.redraw();
    else clearTimeout(this.dashTimer);
  }

  private heartbeat(): void {
    if (this.visible) this.store.tellView(this.id, true);
  }

  // Layout

  private layout(): void {
    if (this.width === 0) return;
    this.marks = this.processMarks.of(this.store.graph, this.theme);
    fillLegend(this.legend, this.marks, this.theme);
    const insets = this.insets();
    const view = {
      width: this.width - insets.left - insets.right,
      height: this.height - insets.top - insets.bottom,
    };
    const chosen = this.model.get("folded");
    const known = chosen === null ? this.autoFolded : new Set(chosen);
    const opened = openGraph(this.store.graph, known, this.measure, view, this.memory);
    if (chosen === null) this.autoFolded = opened.folded;
    this.folded = opened.folded;
    this.memory = opened.placed.memory;
    this.laidOutAspect = this.width / this.height;
    const anchor = this.anchor();
    const { drawing, placed } = opened;
    this.scene = buildScene(drawing, placed, this.marks, this.store.conditions);
    if (!this.moved) this.fitNow();
    else if (anchor) {
      const now = this.scene.boxes.get(anchor.id)?.rect;
      if (now) {
        this.camera = {
          ...this.camera,
          x: this.camera.x + now.x - anchor.x,
          y: this.camera.y + now.y - anchor.y,
        };
      }
    }
    this.motion.begin(this.scene, performance.now(), !this.stillness.matches && this.visible);
    this.placedScene = { drawing, placed };
    this.redraw();
  }

  private placedScene: Pick<ReturnType<typeof openGraph>, "drawing" | "placed"> | null = null;

  /** The same boxes in the same places, in other colours. */
  private rebuildScene(): void {
    if (!this.placedScene) return;
    const { drawing, placed } = this.placedScene;
    this.marks = this.processMarks.of(this.store.graph, this.theme);
    fillLegend(this.legend, this.marks, this.theme);
    this.scene = buildScene(drawing, placed, this.marks, this.store.conditions);
    this.redraw();
  }

  /** A box near the middle of the view, which stays there when the layout changes. */
  private anchor(): (Point & { id: string }) | null {
    if (!this.scene) return null;
    const middle = camera.toWorld(this.camera, { x: this.width / 2, y: this.height / 2 });
    let best: (Point & { id: string }) | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const [id, { rect, box }] of this.scene.boxes) {
      if (!this.store.graph.components.has(id) || box.kind === "group") continue;
      const away = Math.hypot(
        rect.x + rect.width / 2 - middle.x,
        rect.y + rect.height / 2 - middle.y,
      );
      if (away < least) {
        least = away;
        best = { id, x: rect.x, y: rect.y };
      }
    }
    return best;
  }

  private readonly measure: Measure = (text, style) => {
    const font = fontOf(this.theme.font);
    this.cardContext.font = style === "title" ? font(13, 600) : font(11);
    return this.cardContext.measureText(text).width;
  };

  // Camera

  private fit(): void {
    this.moved = false;
    this.fitNow();
    this.redraw();
  }

  private fitNow(): void {
    if (!this.scene) return;
    this.camera = camera.fit(this.scene, { width: this.width, height: this.height }, this.insets());
  }

  /** What a fitted drawing keeps free: the legend at the bottom. */
  private insets(): camera.Insets {
    const bottom = this.legend.offsetHeight + PADDING;
    return { top: PADDING, right: PADDING, bottom, left: PADDING };
  }

  private moveCamera(next: camera.Camera): void {
    if (!this.scene) return;
    this.moved = true;
    this.camera = camera.keepInView(next, this.scene, { width: this.width, height: this.height });
    this.card.hidden = true;
    this.redraw();
  }

  private zoomCentre(factor: number): void {
    const middle = { x: this.width / 2, y: this.height / 2 };
    this.moveCamera(camera.zoomAt(this.camera, middle, factor));
  }

  // What the user does

  private select(id: string | null): void {
    if (id !== null && !this.store.graph.units.has(id)) return;
    if (this.model.get("selected") === id) return;
    this.model.set("selected", id);
    this.model.save_changes();
    this.twin.showSelected(id);
    this.redraw();
  }

  private fold(id: string, folded: boolean): void {
    const next = new Set(this.folded);
    if (folded) next.add(id);
    else next.delete(id);
    this.model.set("folded", [...next].sort());
    this.model.save_changes();
  }

  private onClick(at: Point): void {
    const one = this.scene && boxAt(this.scene, camera.toWorld(this.camera, at));
    this.select(one?.box.kind === "unit" ? one.box.id : null);
    if (one) this.twin.focus(one.box.id);
  }

  private onDoubleClick(at: Point): void {
    const one = this.scene && boxAt(this.scene, camera.toWorld(this.camera, at));
    if (one?.box.kind === "folded") this.fold(one.box.id, false);
    else if (one?.box.kind === "group") this.fold(one.box.id, true);
  }

  private onHover(at: Point | null): void {
    const { scene } = this;
    const world = at && camera.toWorld(this.camera, at);
    const one = scene && world && boxAt(scene, world);
    const line =
      scene && world && (!one || one.box.kind === "group")
        ? lineAt(scene, world, 6 / this.camera.scale)
        : null;
    const hovered = one?.box.id ?? null;
    if (hovered !== this.hovered) {
      this.hovered = hovered;
      this.cardsDirty = true;
      this.schedule();
    }
    this.stage.classList.toggle("ezn-over-box", one?.box.kind === "unit");
    if (!at || !scene || (!one && !line)) {
      this.card.hidden = true;
      return;
    }
    if (line) fillLineDetails(this.card, line, scene.graph, this.store.rates);
    else if (one) fillBoxDetails(this.card, one, scene.graph, this.store.rates);
    placeCard(this.card, at.x, at.y, this.stage);
  }

  /** The keyboard's place is marked only for who uses the keyboard. */
  private useKeyboard(byKeyboard: boolean): void {
    this.byKeyboard = byKeyboard;
    this.root.dataset.keyboard = String(byKeyboard);
    if (!byKeyboard) this.twin.focus();
    this.onTwinFocus(byKeyboard ? this.twin.current : null);
  }

  private onTwinFocus(id: string | null): void {
    // Whoever comes back without the pointer comes by keyboard.
    if (id === null && !this.root.contains(document.activeElement)) this.byKeyboard = true;
    this.focused = this.byKeyboard ? id : null;
    const rect = this.focused === null ? undefined : this.scene?.boxes.get(this.focused)?.rect;
    if (rect) {
      const view = { width: this.width, height: this.height };
      const next = camera.reveal(this.camera, rect, view, this.insets());
      if (next.x !== this.camera.x || next.y !== this.camera.y) this.moved = true;
      this.camera = next;
    }
    this.redraw();
  }

  private showHint(text: string): void {
    this.hint.textContent = text;
    this.hint.classList.add("ezn-shown");
    clearTimeout(this.hintTimer);
    this.hintTimer = setTimeout(() => this.hint.classList.remove("ezn-shown"), 1600);
  }

  // The accessible twin

  private rebuildTwin(): void {
    this.marks = this.processMarks.of(this.store.graph, this.theme);
    this.twin.rebuild(this.store.graph, this.folded, this.marks, this.store.conditions);
    this.twin.showSelected(this.model.get("selected"));
    this.twin.showRates(this.store.graph, this.store.rates);
  }

  private showRatesSoon(): void {
    const wait = this.twinShownAt + TWIN_INTERVAL_MS - performance.now();
    clearTimeout(this.twinTimer);
    const show = (): void => {
      this.twinShownAt = performance.now();
      this.twin.showRates(this.store.graph, this.store.rates);
    };
    if (wait <= 0) show();
    else this.twinTimer = setTimeout(show, wait);
  }

  // Drawing

  private redraw(): void {
    this.linesDirty = true;
    this.cardsDirty = true;
    this.schedule();
  }

  private schedule(): void {
    if (this.frameRequest !== 0 || !this.visible) return;
    this.frameRequest = requestAnimationFrame((now) => {
      this.frameRequest = 0;
      this.paint(now);
    });
  }

  private paint(now: number): void {
    if (!this.scene || this.width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    this.sizeCanvases();
    const isMoving = this.motion.apply(this.scene, now);
    const fresh = this.motion.freshness(now);
    const isLive = this.root.dataset.dimmed !== "true";
    const frame: Frame = {
      scene: this.scene,
      camera: this.camera,
      theme: this.theme,
      rates: this.store.rates,
      width: this.width,
      height: this.height,
      pixelRatio: ratio,
      time: now / 1000,
      moving: isLive && !this.stillness.matches,
      lineAlpha: this.motion.progress(now),
      selected: this.model.get("selected"),
      hovered: this.hovered,
      focused: this.focused,
      lit: null,
      fresh,
    };
    if (this.linesDirty || isMoving) paintLines(this.lineContext, frame);
    if (this.cardsDirty || isMoving || fresh.size > 0) {
      paintCards(this.cardContext, frame, this.fitter);
    }
    this.linesDirty = false;
    this.cardsDirty = false;
    if (isMoving || fresh.size > 0) this.redraw();
    else if (frame.moving && this.flows()) this.scheduleDashes();
  }

  /** Whether there is a line along which something moves. */
  private flows(): boolean {
    const { scene, store } = this;
    return (
      scene?.lines.some(
        (line) => (rateOf(scene.graph, store.rates, line.stretch.topic) ?? 0) > 0,
      ) ?? false
    );
  }

  private scheduleDashes(): void {
    clearTimeout(this.dashTimer);
    this.dashTimer = setTimeout(() => {
      this.linesDirty = true;
      this.schedule();
    }, DASH_INTERVAL_MS);
  }
}

function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no 2D canvas, which the topology needs.");
  return context;
}
