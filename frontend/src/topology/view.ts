/** One view of a topology widget: its page elements, and what the kernel and the user do to it. */
import { make } from "../shared/make";
import { applyTheme, readTheme, watchTheme } from "../shared/theme";
import { watchVisibility } from "../shared/visibility";
import { StatusLine, Tools } from "./chrome";
import { CopyMenu } from "./copying";
import { listen } from "./gestures";
import { Hand } from "./hand";
import { HistoryBar } from "./history_bar";
import { fillBoxDetails, fillLineDetails, placeCard } from "./hover";
import type { Point } from "./layout/types";
import { UNLIMITED } from "./layout/types";
import { SearchBox } from "./search_box";
import { Spotlight } from "./spotlight";
import { Stage } from "./stage";
import type { Change, TopologyModel, TopologyStore } from "./store";
import { Twin } from "./twin";
import { describeStatus } from "./words";

/** What was found is shown at least this large. */
const FOUND_SCALE = 0.8;
const HEARTBEAT_MS = 4000;
/** The kernel answers each heartbeat; after this long it is said that it doesn't. */
const SILENT_MS = 9000;
const TWIN_INTERVAL_MS = 500;
/** The tree of a graph of more components than this is built after the picture is shown. */
const MANY_COMPONENTS = 200;

export class TopologyView {
  readonly #root = make("div", { class: "ezn-topology", "data-ezmsg-nb": "topology" });
  readonly #message = make("div", { class: "ezn-message" });
  readonly #card = make("div", { class: "ezn-hover", hidden: "" });
  readonly #hint = make("div", { class: "ezn-hint", "aria-live": "polite" });
  readonly #tools = new Tools({
    search: () => this.#openSearch(),
    path: () => this.#togglePath(),
    group: () => this.#group(),
    history: () => this.#toggleHistory(),
    zoomIn: () => this.#zoom(1.25),
    zoomOut: () => this.#zoom(0.8),
    fit: () => this.#fit(),
  });
  readonly #status = new StatusLine(this.#tools.element);
  readonly #twin = new Twin({
    focus: (id) => this.#onTwinFocus(id),
    select: (id) => this.#select(this.#model.get("selected") === id ? null : id),
    fold: (id, folded) => this.#fold(id, folded),
  });
  readonly #search = new SearchBox({
    search: (text) => {
      this.#spotlight.search(text);
      this.#showSpotlight();
    },
    next: (step) => this.#goToFound(step),
    close: () => this.#closeSearch(),
  });
  readonly #spotlight = new Spotlight();
  readonly #id = Math.random().toString(36).slice(2);
  readonly #stops: (() => void)[] = [];
  readonly #store: TopologyStore;
  readonly #model: TopologyModel;
  readonly #stage: Stage;
  readonly #hand: Hand;
  readonly #copies: CopyMenu;
  readonly #history: HistoryBar;
  #past: string | null = null;
  #byKeyboard = true;
  #hintTimer: ReturnType<typeof setTimeout> | undefined;
  #numbersShownAt = -UNLIMITED;
  #numbersTimer: ReturnType<typeof setTimeout> | undefined;
  #twinTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: TopologyStore, model: TopologyModel, host: HTMLElement) {
    this.#store = store;
    this.#model = model;
    this.#stage = new Stage(store, model, {
      lit: () => this.#spotlight.lit,
      isDimmed: () => this.#root.dataset.dimmed === "true",
      laidOut: () => this.#rebuildTwinSoon(),
      moved: () => {
        this.#card.hidden = true;
      },
    });
    const tell = (text: string): void => this.#showHint(text);
    this.#hand = new Hand(this.#stage, tell);
    this.#copies = new CopyMenu(store, this.#stage, tell);
    this.#history = new HistoryBar(store);
    // JupyterLab's shortcuts (0 0 restarts the kernel) are not meant while the focus is here.
    this.#root.dataset.lmSuppressShortcuts = "true";
    this.#tools.element.append(this.#copies.element);
    this.#stage.element.append(this.#message, this.#search.element, this.#card, this.#hint);
    this.#root.append(
      this.#twin.element,
      this.#stage.element,
      this.#history.element,
      this.#status.element,
    );
    host.append(this.#root);
    this.#observe();
    this.#showHeight();
    this.#showGrouping();
    this.#showHistory();
    this.#stage.layout();
  }

  destroy(): void {
    for (const stop of this.#stops) stop();
    this.#stage.surface.destroy();
    for (const timer of [this.#hintTimer, this.#numbersTimer, this.#twinTimer]) clearTimeout(timer);
    if (this.#stage.visible) this.#store.tellView(this.#id, false);
    this.#root.remove();
  }

  #observe(): void {
    const sizes = new ResizeObserver(() => this.#onResize());
    sizes.observe(this.#stage.element);
    const beat = setInterval(() => {
      if (this.#stage.visible) this.#store.tellView(this.#id, true);
    }, HEARTBEAT_MS);
    const watch = setInterval(() => this.#showStatus(), 1000);
    this.#stops.push(
      () => sizes.disconnect(),
      () => clearInterval(beat),
      () => clearInterval(watch),
      watchTheme(() => this.#onTheme()),
      watchVisibility(this.#root, (visible) => this.#onVisibility(visible)),
      this.#store.onChange((change) => this.#onChange(change)),
      listen(this.#root, this.#stage.element, {
        pan: (dx, dy) => this.#stage.move((view, scene) => view.pan(dx, dy, scene)),
        zoom: (factor, at) => this.#zoom(factor, at),
        fit: () => this.#fit(),
        click: (at) => this.#onClick(at),
        doubleClick: (at) => this.#onDoubleClick(at),
        hover: (at) => this.#onHover(at),
        search: () => this.#openSearch(),
        path: () => this.#togglePath(),
        group: () => this.#group(),
        history: () => this.#toggleHistory(),
        connect: () => this.#hand.connect(this.#twin.current ?? this.#model.get("selected")),
        remove: () => this.#hand.remove(),
        undo: () => this.#store.ask({ type: "undo" }),
        nudge: (dx, dy) => this.#hand.nudge(this.#stage.focused, dx, dy),
        grab: (at) => this.#hand.grab(at),
        escape: () => this.#select(null),
        engage: () => this.#useKeyboard(false),
        key: () => this.#useKeyboard(true),
        wheelIgnored: () => this.#showHint("Click, or hold Ctrl, to zoom"),
      }),
    );
  }

  // What the kernel says

  #onChange(change: Change): void {
    switch (change) {
      case "topology":
        this.#showGrouping();
        this.#stage.followGraph();
        this.#showStatus();
        this.#showSpotlight();
        break;
      case "folded":
        this.#stage.layout();
        break;
      case "pins":
        this.#stage.rebuild();
        break;
      case "rates":
        this.#showNumbersSoon();
        this.#stage.surface.redrawLive();
        break;
      case "conditions":
        this.#stage.rebuild();
        this.#twin.showConditions(this.#store.conditions, this.#stage.marks);
        break;
      case "selected":
        this.#twin.showSelected(this.#model.get("selected"));
        this.#showSpotlight();
        break;
      case "history":
        this.#showHistory();
        break;
      case "note":
        this.#showHint(this.#store.note);
        break;
      case "export":
        if (this.#stage.visible) this.#copies.take(this.#store.exported);
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
    const isSilent =
      this.#stage.visible && silent > SILENT_MS && store.status.state === "connected";
    const { headline, detail } = describeStatus(
      store.status,
      store.graph,
      isSilent ? silent / 1000 : null,
      this.#past,
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
    const dimmed = String(state !== "connected" && state !== "connecting");
    if (this.#root.dataset.dimmed !== dimmed) {
      this.#root.dataset.dimmed = dimmed;
      this.#stage.surface.redraw();
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

  #showGrouping(): void {
    this.#tools.press("group", this.#model.get("group_by") === "process");
  }

  #showHistory(): void {
    const history = this.#model.get("_history") ?? null;
    this.#past = this.#history.show(history);
    this.#root.dataset.past = String(this.#past !== null);
    this.#tools.press("history", history !== null);
    this.#showStatus();
  }

  #toggleHistory(): void {
    const isOpen = (this.#model.get("_history") ?? null) !== null;
    this.#store.ask({ type: "history", at: isOpen ? null : -1 });
  }

  #group(): void {
    const isByProcess = this.#model.get("group_by") === "process";
    this.#stage.forgetFolds();
    this.#model.set("folded", null);
    this.#model.set("group_by", isByProcess ? "collection" : "process");
    this.#model.save_changes();
  }

  // Theme, size, visibility

  #onTheme(): void {
    const stage = this.#stage;
    const theme = readTheme(this.#root);
    const fontChanged = theme.font !== stage.theme.font;
    if (JSON.stringify(theme) === JSON.stringify(stage.theme) && stage.scene) return;
    stage.theme = theme;
    applyTheme(this.#root, theme);
    if (fontChanged) stage.layout();
    else stage.rebuild();
  }

  #onResize(): void {
    if (!this.#stage.scene) {
      this.#stage.theme = readTheme(this.#root);
      applyTheme(this.#root, this.#stage.theme);
    }
    this.#stage.resize();
  }

  #onVisibility(visible: boolean): void {
    this.#stage.visible = visible;
    this.#store.heardAt = performance.now();
    this.#store.tellView(this.#id, visible);
    this.#stage.surface.active = visible;
  }

  // What the user does

  #fit(): void {
    this.#stage.move((view, scene) => view.showAll(scene));
  }

  #zoom(factor: number, at?: Point): void {
    this.#stage.move((view, scene) => view.zoom(factor, scene, at));
  }

  #select(id: string | null): void {
    if (id !== null && !this.#store.graph.units.has(id)) return;
    if (this.#model.get("selected") === id) return;
    this.#model.set("selected", id);
    this.#model.save_changes();
    this.#twin.showSelected(id);
    this.#showSpotlight();
  }

  #fold(id: string, folded: boolean): void {
    const next = new Set(this.#stage.folded);
    if (folded) next.add(id);
    else next.delete(id);
    this.#model.set("folded", [...next].sort());
    this.#model.save_changes();
  }

  #onClick(at: Point): void {
    const one = this.#stage.boxUnder(at);
    this.#select(one?.box.kind === "unit" ? one.box.id : null);
    if (!one || one.box.kind === "group") this.#hand.chooseLine(at);
    if (one) this.#twin.focus(one.box.id);
  }

  #onDoubleClick(at: Point): void {
    const box = this.#stage.boxUnder(at)?.box;
    if (box?.kind === "folded") this.#fold(box.id, false);
    else if (box?.kind === "group") this.#fold(box.id, true);
    else if (box) this.#hand.unpin(box.id);
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
    const { scene } = this.#stage;
    if (id === null || !scene) return;
    const around = [...scene.graph.ancestors(id), id].reverse();
    const shown = around.map((one) => scene.boxes.get(one)).find(Boolean);
    if (!shown) return;
    const { rect } = shown;
    const middle = { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2 };
    this.#stage.move((view) => view.centre(middle, scene, FOUND_SCALE));
    this.#select(id);
  }

  #togglePath(): void {
    this.#spotlight.pathFocus = !this.#spotlight.pathFocus;
    this.#tools.press("path", this.#spotlight.pathFocus);
    if (this.#spotlight.pathFocus && this.#model.get("selected") === null) {
      this.#showHint("Select a unit first");
    }
    this.#showSpotlight();
  }

  #showSpotlight(): void {
    this.#spotlight.update(this.#store.graph, this.#model.get("selected"));
    this.#search.showCount(this.#spotlight.found.length, this.#spotlight.at);
    this.#stage.surface.redraw();
  }

  #onHover(at: Point | null): void {
    const stage = this.#stage;
    const one = at && stage.boxUnder(at);
    const line = at && (!one || one.box.kind === "group") ? stage.lineUnder(at) : null;
    stage.hover(one?.box.id ?? null);
    stage.element.classList.toggle("ezn-over-box", one?.box.kind === "unit");
    if (!at || !stage.scene || (!one && !line)) {
      this.#card.hidden = true;
      return;
    }
    const { rates } = this.#store;
    if (line) fillLineDetails(this.#card, line, stage.scene.graph, rates);
    else if (one) fillBoxDetails(this.#card, one, rates, one.box.id in this.#model.get("pins"));
    placeCard(this.#card, at.x, at.y, stage.element);
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
    const stage = this.#stage;
    stage.focused = this.#byKeyboard ? id : null;
    const rect = stage.focused === null ? undefined : stage.scene?.boxes.get(stage.focused)?.rect;
    if (rect) stage.viewpoint.reveal(rect);
    stage.surface.redraw();
  }

  #showHint(text: string): void {
    this.#hint.textContent = text;
    this.#hint.classList.add("ezn-shown");
    clearTimeout(this.#hintTimer);
    const readingTime = 1200 + 45 * text.length;
    this.#hintTimer = setTimeout(() => this.#hint.classList.remove("ezn-shown"), readingTime);
  }

  // The accessible twin

  /** The tree of a large graph takes longer than its picture, so it comes after. */
  #rebuildTwinSoon(): void {
    clearTimeout(this.#twinTimer);
    if (this.#store.graph.components.size <= MANY_COMPONENTS) this.#rebuildTwin();
    else this.#twinTimer = setTimeout(() => this.#rebuildTwin(), 120);
  }

  #rebuildTwin(): void {
    const { graph, conditions, rates } = this.#store;
    this.#twin.show(graph, this.#stage.folded, this.#stage.marks, conditions);
    this.#twin.showSelected(this.#model.get("selected"));
    this.#twin.showRates(graph, rates);
  }

  #showNumbersSoon(): void {
    const wait = this.#numbersShownAt + TWIN_INTERVAL_MS - performance.now();
    clearTimeout(this.#numbersTimer);
    const show = (): void => {
      this.#numbersShownAt = performance.now();
      this.#twin.showRates(this.#store.graph, this.#store.rates);
      this.#stage.showLegend();
    };
    if (wait <= 0) show();
    else this.#numbersTimer = setTimeout(show, wait);
  }
}
