/** The drawing on its stage: where everything is, which part is in view, and what is painted. */
import { make } from "../shared/make";
import { readTheme, type Theme } from "../shared/theme";
import type { Measure } from "./boxes";
import * as camera from "./camera";
import { fillLegend } from "./chrome";
import { foldedAfterChange, type Opened, openGraph } from "./expansion";
import { type LayoutMemory, type LayoutTask, layoutDrawing, type Placed } from "./layout/compose";
import type { Point } from "./layout/types";
import { Minimap } from "./minimap";
import { Motion } from "./motion";
import type { Path } from "./paths";
import { withPins } from "./pins";
import { type ProcessMark, ProcessMarks } from "./processes";
import { boxAt, buildScene, lineAt, type Scene, type SceneBox, type SceneLine } from "./scene";
import type { TopologyModel, TopologyStore } from "./store";
import { type Picture, Surface } from "./surface";
import { fontOf } from "./text";
import { Viewpoint } from "./viewpoint";

const PADDING = 16;
/** A view of another proportion than the layout was made for gets a new one. */
const ASPECT_CHANGE = 1.3;
/** Drawings of more boxes are laid out in the worker: the page is not to be held up. */
const MANY_BOXES = 600;

/** What a stage asks whoever shows it. */
export interface Shown {
  /** What is bright while the rest is dimmed. */
  lit(): Path | null;
  isDimmed(): boolean;
  /** A graph has been laid out: what is beside the drawing may follow. */
  laidOut(): void;
  /** The view has moved under the pointer. */
  moved(): void;
}

export class Stage {
  readonly element = make("div", { class: "ezn-stage" });
  readonly legend = make("ul", { class: "ezn-legend", "aria-label": "Legend" });
  readonly surface = new Surface(this.element, (now) => this.#compose(now));
  readonly viewpoint = new Viewpoint(this.surface, () => this.#insets());
  readonly #minimap = new Minimap((point) => this.move((view, scene) => view.centre(point, scene)));
  readonly #stillness = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #motion = new Motion();
  readonly #processMarks = new ProcessMarks();

  theme: Theme;
  scene: Scene | null = null;
  marks: Map<string, ProcessMark> = new Map();
  folded: ReadonlySet<string> = new Set();
  visible = false;
  hovered: string | null = null;
  focused: string | null = null;
  /** A line that is being drawn by hand. */
  wire: [Point, Point] | null = null;

  #opened: Opened | null = null;
  #memory: LayoutMemory | null = null;
  #autoFolded: ReadonlySet<string> | null = null;
  #laidOutAspect = 0;
  /** Whether the worker is at it, and whether there is something newer to lay out then. */
  #busy = false;
  #again = false;
  #mapTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly store: TopologyStore,
    readonly model: TopologyModel,
    readonly shown: Shown,
  ) {
    this.element.append(this.legend, this.#minimap.element);
    this.theme = readTheme(this.element);
    new ResizeObserver(() => this.move((view, scene) => view.refit(scene))).observe(this.legend);
  }

  /** The stage has another size. */
  resize(): void {
    if (!this.surface.resize()) return;
    const aspect = this.surface.width / this.surface.height;
    const change = Math.max(aspect / this.#laidOutAspect, this.#laidOutAspect / aspect);
    if (!this.scene || change > ASPECT_CHANGE) this.layout();
    else this.viewpoint.refit(this.scene);
    this.surface.paintNow();
  }

  /** The graph is another one: what is open stays open. */
  followGraph(): void {
    if (this.#autoFolded) this.#autoFolded = foldedAfterChange(this.#autoFolded, this.store.graph);
    this.layout();
  }

  /** Forgets what it has chosen to fold: the collections are others. */
  forgetFolds(): void {
    this.#autoFolded = null;
  }

  layout(): void {
    if (this.surface.width === 0) {
      this.#mark();
      this.shown.laidOut();
      return;
    }
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#mark();
    const insets = this.#insets();
    const view = {
      width: this.surface.width - insets.left - insets.right,
      height: this.surface.height - insets.top - insets.bottom,
    };
    const chosen = this.model.get("folded");
    const known = chosen === null ? this.#autoFolded : new Set(chosen);
    const run = openGraph(this.store.graph, known, this.#measure, view, this.#memory);
    let step = run.next();
    // The first picture is made at once: to start a worker would take longer.
    while (!step.done && (!this.#opened || isSmall(step.value))) {
      step = run.next(layoutDrawing(step.value));
    }
    if (step.done) this.#show(step.value, chosen === null);
    else void this.#finish(run, step.value, chosen === null);
  }

  async #finish(
    run: Generator<LayoutTask, Opened, Placed>,
    task: LayoutTask,
    isAutomatic: boolean,
  ): Promise<void> {
    this.#busy = true;
    let step: IteratorResult<LayoutTask, Opened> = { value: task };
    while (!step.done) step = run.next(await this.store.worker.layout(slim(step.value)));
    this.#busy = false;
    this.#show(step.value, isAutomatic);
    if (this.#again) {
      this.#again = false;
      this.layout();
    }
  }

  #show(opened: Opened, isAutomatic: boolean): void {
    if (isAutomatic) this.#autoFolded = opened.folded;
    this.#opened = opened;
    this.folded = opened.folded;
    this.#memory = opened.placed.memory;
    this.#laidOutAspect = this.surface.width / this.surface.height;
    const before = this.scene;
    const scene = this.#build(opened);
    this.viewpoint.follow(before, scene);
    this.#begin(scene, !this.#stillness.matches && this.visible);
    this.shown.laidOut();
  }

  /** The same boxes, in other colours or in the places that they are given by hand. */
  rebuild(): void {
    if (!this.#opened) return;
    this.#mark();
    this.#begin(this.#build(this.#opened), false);
  }

  #build({ drawing, placed }: Opened): Scene {
    const pinned = withPins(drawing, placed, this.model.get("pins") ?? {});
    this.scene = buildScene(drawing, pinned, this.marks, this.store.conditions);
    return this.scene;
  }

  #begin(scene: Scene, animate: boolean): void {
    this.#motion.begin(scene, performance.now(), animate);
    this.shown.moved();
    this.surface.redraw();
  }

  #mark(): void {
    this.marks = this.#processMarks.of(this.store.graph, this.theme);
    this.showLegend();
  }

  showLegend(): void {
    fillLegend(this.legend, this.marks, this.theme, this.store);
  }

  readonly #measure: Measure = (text, style) => {
    const font = fontOf(this.theme.font);
    return this.surface.measure(text, style === "title" ? font(13, 600) : font(11));
  };

  /** What a fitted drawing keeps free: the legend at the bottom. */
  #insets(): camera.Insets {
    const bottom = this.legend.offsetHeight + PADDING;
    return { top: PADDING, right: PADDING, bottom, left: PADDING };
  }

  move(how: (view: Viewpoint, scene: Scene) => void): void {
    if (!this.scene) return;
    how(this.viewpoint, this.scene);
    this.shown.moved();
    this.surface.moved();
  }

  /** Marks the box under the pointer. */
  hover(id: string | null): void {
    if (id === this.hovered) return;
    this.hovered = id;
    this.surface.redrawLive();
  }

  worldAt(at: Point): Point {
    return camera.toWorld(this.viewpoint.camera, at);
  }

  boxUnder(at: Point): SceneBox | null {
    return this.scene && boxAt(this.scene, this.worldAt(at));
  }

  lineUnder(at: Point): SceneLine | null {
    return this.scene && lineAt(this.scene, this.worldAt(at), 6 / this.viewpoint.camera.scale);
  }

  /** The map of the whole comes after the picture, which is not to wait for it. */
  #paintMapSoon(): void {
    clearTimeout(this.#mapTimer);
    this.#mapTimer = setTimeout(() => {
      if (!this.scene) return;
      this.#minimap.paint(this.scene, this.viewpoint.camera, this.surface.size, this.theme);
    });
  }

  #compose(now: number): Picture | null {
    const { scene } = this;
    if (!scene) return null;
    const { width, height } = this.surface;
    const isMoving = this.#motion.apply(scene, now);
    const fresh = this.#motion.freshness(now);
    this.#paintMapSoon();
    return {
      changing: isMoving ? "moves" : fresh.size > 0 ? "fades" : null,
      frame: {
        scene,
        camera: this.viewpoint.camera,
        theme: this.theme,
        rates: this.store.rates,
        width,
        height,
        pixelRatio: globalThis.devicePixelRatio || 1,
        time: now / 1000,
        moving: !this.shown.isDimmed() && !this.#stillness.matches,
        lineAlpha: this.#motion.progress(now),
        selected: this.model.get("selected"),
        hovered: this.hovered,
        focused: this.focused,
        pins: this.model.get("pins") ?? {},
        wire: this.wire,
        lit: this.shown.lit(),
        fresh,
      },
    };
  }
}

function isSmall({ drawing }: LayoutTask): boolean {
  let boxes = 0;
  for (const { nodes } of drawing.levels) boxes += nodes.length;
  return boxes <= MANY_BOXES;
}

/** What is to be laid out, without the graph behind it: it is copied on the way to the worker. */
function slim({ drawing, ...task }: LayoutTask): LayoutTask {
  const groups = drawing.levels.map(({ collection }) => {
    const { ports = [] } = drawing.boxes.get(collection ?? "") ?? {};
    return [collection ?? "", { ports }] as const;
  });
  return { ...task, drawing: { levels: drawing.levels, boxes: new Map(groups) } };
}
