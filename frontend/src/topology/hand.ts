/** What is moved and connected by hand: boxes that are pinned, lines from port to port. */

import type { BoxPort } from "./boxes";
import type { Drag } from "./gestures";
import type { Point } from "./layout/types";
import type { Pins } from "./pins";
import { within } from "./scene";
import type { Stage } from "./stage";
import type { TopologyModel, TopologyStore } from "./store";

/** How near to a port the pointer has to be, px on the screen. */
const REACH = 9;

export class Hand {
  /** The topic that a connection by keyboard starts at. */
  #from: string | null = null;
  /** The line that was clicked on. */
  #line: { from: string; to: string } | null = null;
  readonly #stage: Stage;
  readonly #store: TopologyStore;
  readonly #model: TopologyModel;
  readonly #tell: (text: string) => void;

  constructor(stage: Stage, tell: (text: string) => void) {
    this.#stage = stage;
    this.#store = stage.store;
    this.#model = stage.model;
    this.#tell = tell;
  }

  /** What the pointer takes hold of: a port, a box, or nothing. */
  grab(at: Point): Drag | null {
    const port = this.#portUnder(at, "east");
    if (port) return this.#wireFrom(port);
    const one = this.#stage.boxUnder(at);
    if (!one) return null;
    // A group is taken by its title: in it the ground is dragged.
    const world = this.#stage.worldAt(at);
    if (one.box.kind === "group" && world.y > one.rect.y + 30) return null;
    const before = this.#model.get("pins") ?? {};
    const around = one.box.level === null ? null : this.#stage.scene?.boxes.get(one.box.level);
    const [dx, dy] = [one.rect.x - world.x, one.rect.y - world.y];
    const [left, top] = [around?.rect.x ?? 0, around?.rect.y ?? 0];
    return {
      move: (to) => {
        const { x, y } = this.#stage.worldAt(to);
        this.#pin(one.box.id, x + dx - left, y + dy - top);
      },
      drop: () => this.#model.save_changes(),
      cancel: () => this.#model.get("pins") !== before && this.#setPins(before),
    };
  }

  /** Moves a box by the keyboard. */
  nudge(id: string | null, dx: number, dy: number): void {
    const one = id === null ? undefined : this.#stage.scene?.boxes.get(id);
    if (!one) return;
    const around = this.#stage.scene?.boxes.get(one.box.level ?? "")?.rect;
    const [x, y] = [one.rect.x - (around?.x ?? 0), one.rect.y - (around?.y ?? 0)];
    this.#pin(one.box.id, x + dx, y + dy);
    this.#model.save_changes();
  }

  /** A box goes back to where the layout has it. */
  unpin(id: string): void {
    const { [id]: pin, ...others } = this.#model.get("pins") ?? {};
    if (!pin) return;
    this.#setPins(others);
    this.#model.save_changes();
  }

  /** Notes the line under the pointer as what is meant by the next Delete. */
  chooseLine(at: Point): void {
    const index = this.#stage.lineUnder(at)?.stretch.edges[0];
    this.#line = (index !== undefined && this.#store.graph.data.edges[index]) || null;
    if (this.#line) this.#tell(`${this.#line.from} → ${this.#line.to}`);
  }

  /** Takes the chosen line back; the kernel says so where it may not. */
  remove(): void {
    const { from, to } = this.#line ?? {};
    if (from && to) this.#store.ask({ type: "disconnect", from, to });
    else this.#tell("Click a connection first");
    this.#line = null;
  }

  /** First from which unit, then to which; by their first ports that fit. */
  connect(id: string | null): void {
    const side = this.#from === null ? "output" : "input";
    const ports = this.#store.graph.components.get(id ?? "")?.data?.ports ?? [];
    const port = ports.find((one) => one.direction === side && !one.settings);
    if (!port) {
      this.#from = null;
      this.#tell(`Select a unit that has an ${side}`);
    } else if (this.#from === null) {
      this.#from = port.topic;
      this.#tell(`From ${port.topic}: now c on its target`);
    } else {
      this.#store.ask({ type: "connect", from: this.#from, to: port.topic });
      this.#from = null;
    }
  }

  #wireFrom(port: BoxPort): Drag | null {
    const stage = this.#stage;
    const start = stage.scene?.ports.get(port.key);
    if (!start) return null;
    const end = (): void => {
      stage.wire = null;
      stage.surface.redrawLive();
    };
    return {
      move: (to) => {
        stage.wire = [start, stage.worldAt(to)];
        stage.surface.redrawLive();
      },
      drop: (to) => {
        const target = this.#portUnder(to, "west");
        if (target) this.#store.ask({ type: "connect", from: port.topic, to: target.topic });
        else this.#tell("Let go at an input");
        end();
      },
      cancel: end,
    };
  }

  #portUnder(at: Point, side: BoxPort["side"]): BoxPort | null {
    const { scene, viewpoint } = this.#stage;
    const world = this.#stage.worldAt(at);
    const reach = REACH / viewpoint.camera.scale;
    for (const { box, rect } of scene?.boxes.values() ?? []) {
      if (box.kind === "folded" || !within(rect, world, reach)) continue;
      for (const port of box.ports) {
        const place = scene?.ports.get(port.key);
        if (!place || port.side !== side || (!port.port && box.kind !== "topic")) continue;
        if (Math.hypot(place.x - world.x, place.y - world.y) <= reach) return port;
      }
    }
    return null;
  }

  #pin(id: string, x: number, y: number): void {
    const round = (at: number): number => Math.round(at * 10) / 10;
    this.#setPins({ ...this.#model.get("pins"), [id]: [round(x), round(y)] });
  }

  #setPins(pins: Pins): void {
    this.#model.set("pins", pins);
    this.#stage.rebuild();
  }
}
