/** One view of a profile: a live table of endpoints, and the rate of the selected one. */

import { css as cssColor } from "../shared/color";
import { make } from "../shared/make";
import { Panel } from "../shared/panel";
import { RatePlot } from "./plot";
import {
  bytesText,
  type ColumnName,
  countText,
  filtered,
  percentText,
  type Row,
  rateText,
  type Sorting,
  sorted,
} from "./rows";
import { drawSpark, SPARK_POINTS } from "./spark";
import type { ProfileStore } from "./store";
import styles from "./style.css";

const COLUMNS: [ColumnName, string, string][] = [
  ["unit", "unit", "The unit that the endpoint belongs to"],
  ["topic", "topic", "Its topic, and what it is"],
  ["rate", "messages/s", "Messages per second in the last second"],
  ["total", "total", "Messages since the endpoint was made"],
  ["inflight", "in flight", "Buffers of the publisher that wait to be let go"],
  ["dropped", "dropped/s", "Messages per second that a leaky input let go"],
  ["cpu", "CPU", "Share of one CPU that its process uses"],
  ["rss", "memory", "Memory of its process"],
];

interface Line {
  element: HTMLTableRowElement;
  cells: Map<ColumnName, HTMLTableCellElement>;
  spark: HTMLCanvasElement;
  fill: HTMLElement;
}

export class ProfileTable {
  readonly #filter = make("input", {
    type: "search",
    placeholder: "filter: unit, topic, role",
    "aria-label": "Filter the rows",
  });
  readonly #body = make("tbody");
  readonly #headers = new Map<ColumnName, HTMLTableCellElement>();
  readonly #scroller = make("div", { class: "ezn-live ezn-rows" });
  readonly #status = make("span", { role: "status" });
  readonly #cost = make("span", { class: "ezn-cost" });
  readonly #plot = new RatePlot();
  readonly #lines = new Map<string, Line>();
  readonly #store: ProfileStore;
  readonly #panel: Panel;
  #sorting: Sorting = { column: "topic", descending: false };
  #selected: string | null = null;

  constructor(store: ProfileStore, host: HTMLElement) {
    this.#store = store;
    this.#panel = new Panel("profile", styles, store, host, this.#build());
    this.#observe();
    this.#showHeight();
    this.#showStatus();
    this.#showRows();
  }

  destroy(): void {
    this.#plot.destroy();
    this.#panel.destroy();
  }

  #build(): Node[] {
    const head = make("tr");
    for (const [column, title, hint] of COLUMNS) {
      const button = make("button", { type: "button", title: hint }, title);
      button.addEventListener("click", () => this.#sortBy(column));
      const header = make("th", { scope: "col", "data-column": column }, button);
      this.#headers.set(column, header);
      head.append(header);
    }
    this.#scroller.append(make("table", {}, make("thead", {}, head), this.#body));
    this.#filter.addEventListener("input", () => this.#showRows());
    return [
      make("div", { class: "ezn-bar" }, this.#filter, this.#status, this.#cost),
      this.#scroller,
      this.#plot.element,
    ];
  }

  #observe(): void {
    const { root } = this.#panel;
    const sizes = new ResizeObserver(() => this.#plot.resize(root.clientWidth));
    sizes.observe(root);
    const scrolled = (): void => this.#drawSparks();
    this.#scroller.addEventListener("scroll", scrolled, { passive: true });
    this.#panel.watch({ themed: () => this.#showNumbers(), second: () => this.#showStatus() });
    this.#panel.onDestroy(
      () => sizes.disconnect(),
      this.#store.onChange((change) => {
        if (change === "rows") this.#showRows();
        else if (change === "numbers") this.#showNumbers();
        else if (change === "height") this.#showHeight();
        this.#showStatus();
      }),
    );
  }

  #sortBy(column: ColumnName): void {
    const again = this.#sorting.column === column;
    const numbers = !["unit", "topic", "role", "process"].includes(column);
    this.#sorting = { column, descending: again ? !this.#sorting.descending : numbers };
    this.#showRows();
  }

  #select(id: string): void {
    this.#selected = this.#selected === id ? null : id;
    if (this.#selected === null) this.#plot.hide();
    this.#showNumbers();
    // The plot takes its room first.
    requestAnimationFrame(() => {
      this.#lines.get(id)?.element.scrollIntoView({ block: "nearest" });
    });
  }

  #showHeight(): void {
    this.#panel.root.style.height = `${this.#store.height}px`;
  }

  #showStatus(): void {
    this.#status.textContent = this.#panel.showState();
    this.#cost.textContent = this.#store.cost;
  }

  /** Puts the rows in their order; those that stay keep their elements, and the focus. */
  #showRows(): void {
    for (const [column, header] of this.#headers) {
      const order = this.#sorting.descending ? "descending" : "ascending";
      header.setAttribute("aria-sort", column === this.#sorting.column ? order : "none");
    }
    const rows = sorted(filtered(this.#store.rows, this.#filter.value), this.#sorting);
    const kept = new Set(rows.map((row) => row.data.id));
    for (const [id, line] of this.#lines) {
      if (kept.has(id)) continue;
      line.element.remove();
      this.#lines.delete(id);
    }
    rows.forEach((row, place) => {
      const line = this.#lines.get(row.data.id) ?? this.#newLine(row);
      this.#fillNames(line, row);
      const there = this.#body.children[place];
      if (there !== line.element) this.#body.insertBefore(line.element, there ?? null);
    });
    this.#panel.root.dataset.rows = String(rows.length);
    this.#showNumbers();
  }

  #newLine(row: Row): Line {
    const cells = new Map<ColumnName, HTMLTableCellElement>();
    const element = make("tr", { tabindex: "0", "data-endpoint": row.data.id });
    const spark = make("canvas", { "aria-hidden": "true" });
    const fill = make("i");
    for (const [column] of COLUMNS) {
      const cell = make("td", { "data-column": column });
      if (column === "rate") cell.append(spark, make("span"));
      else if (column === "inflight") cell.append(make("b", {}, fill), make("span"));
      else cell.append(make("span"));
      cells.set(column, cell);
      element.append(cell);
    }
    element.addEventListener("click", () => this.#select(row.data.id));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.#select(row.data.id);
    });
    const line = { element, cells, spark, fill };
    this.#lines.set(row.data.id, line);
    return line;
  }

  #fillNames({ cells, element }: Line, { data }: Row): void {
    element.dataset.role = data.role;
    setText(cells.get("unit"), data.unit);
    const by = data.channel && data.channel !== "UNKNOWN" ? ` by ${data.channel}` : "";
    const words = data.role === "publisher" ? "sends" : `receives${by}`;
    const topic = data.reason || `${data.topic.slice(data.topic.lastIndexOf("/") + 1)} ${words}`;
    setText(cells.get("topic"), topic);
    element.title = data.reason || `${data.topic}, process ${data.process}`;
    element.classList.toggle("ezn-failed", data.reason !== "");
  }

  #showNumbers(): void {
    for (const row of this.#store.rows) {
      const line = this.#lines.get(row.data.id);
      if (!line) continue;
      const { numbers, data } = row;
      setText(line.cells.get("rate"), rateText(numbers.rate));
      setText(line.cells.get("total"), countText(numbers.total));
      const full = numbers.inflight / data.buffers;
      const known = data.buffers > 0 && !Number.isNaN(full);
      setText(line.cells.get("inflight"), known ? `${numbers.inflight} of ${data.buffers}` : "");
      line.fill.style.width = `${known ? Math.min(100, 100 * full) : 0}%`;
      line.element.classList.toggle("ezn-full", known && full >= 0.75);
      setText(line.cells.get("dropped"), rateText(numbers.dropped));
      setText(line.cells.get("cpu"), percentText(numbers.cpu));
      setText(line.cells.get("rss"), bytesText(numbers.rss));
      line.element.setAttribute("aria-selected", String(data.id === this.#selected));
    }
    const leaks = this.#store.rows.some(({ numbers }) => !Number.isNaN(numbers.dropped));
    this.#panel.root.dataset.leaks = String(leaks);
    this.#drawSparks();
    this.#drawPlot();
  }

  #drawSparks(): void {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const color = cssColor(this.#panel.theme.accent);
    for (const [id, line] of this.#lines) {
      const place = line.element.getBoundingClientRect();
      if (place.bottom < top || place.top > bottom) continue;
      drawSpark(line.spark, this.#store.histories.get(id)?.newest(SPARK_POINTS) ?? [], color);
    }
  }

  #drawPlot(): void {
    const row = this.#store.rows.find(({ data }) => data.id === this.#selected);
    const history = row && this.#store.histories.get(row.data.id);
    if (!row || !history) {
      this.#plot.element.hidden = true;
      return;
    }
    const rates = history.newest(Number.POSITIVE_INFINITY);
    const times = this.#store.times.newest(rates.length);
    const width = this.#panel.root.clientWidth;
    this.#plot.show(row.data.id, times, rates.slice(-times.length), this.#panel.theme, width);
  }
}

function setText(cell: HTMLTableCellElement | undefined, text: string): void {
  const span = cell?.lastElementChild;
  if (span && span.textContent !== text) span.textContent = text;
}
