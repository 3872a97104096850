/** What is shown bright while the rest is dimmed: what a search found, or a unit's path. */
import type { Graph } from "./graph";
import { type Path, pathOf } from "./paths";
import { findComponents, litBySearch } from "./search";

export class Spotlight {
  /** Null while nothing is dimmed. */
  lit: Path | null = null;
  /** Whether the path of the selected unit is shown. */
  pathFocus = false;
  found: string[] = [];
  /** Place in `found` that the view went to last; -1 for none yet. */
  at = -1;
  #text = "";

  search(text: string): void {
    this.#text = text;
    this.at = -1;
  }

  /** Computes all anew: the graph, the selection or the search has changed. */
  update(graph: Graph, selected: string | null): void {
    this.found = findComponents(graph, this.#text);
    this.at = Math.min(this.at, this.found.length - 1);
    if (this.#text.trim() !== "") this.lit = litBySearch(graph, this.found);
    else if (this.pathFocus && selected !== null && graph.units.has(selected)) {
      this.lit = pathOf(graph, selected);
    } else this.lit = null;
  }

  /** Goes on to the next of what was found, around and around. */
  next(step: 1 | -1): string | null {
    const count = this.found.length;
    if (count === 0) return null;
    const from = this.at < 0 && step < 0 ? 0 : this.at;
    this.at = (from + step + count) % count;
    return this.found[this.at] ?? null;
  }
}
