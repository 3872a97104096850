import type { WidgetModel } from "../shared/anywidget";
import { protocolMismatch } from "../shared/protocol";
import { FormClient } from "./client";
import { make } from "./dom";
import type { FormData, FormState, Status } from "./protocol";
import type { FieldRow } from "./row";
import { SectionView } from "./section";
import { ToolBar } from "./tools";

/** From this many fields on there is a box to search them. */
const SEARCH_FROM = 9;
/** Up to this many units are shown open. */
const OPEN_UNITS = 3;

/** The whole form: status line, search, units. */
export class FormView {
  readonly element: HTMLElement;
  private readonly client: FormClient;
  private readonly tools: ToolBar;
  private readonly banner = make("div", { class: "banner", role: "status", "aria-live": "polite" });
  private readonly search: HTMLInputElement;
  private readonly sections = make("div", { class: "sections" });
  private readonly none = make("p", { class: "why" });
  private views: SectionView[] = [];
  private opened = new Map<string, boolean>();
  private data: FormData | null = null;
  private built = "";
  private isBusy = false;
  private greeted = false;

  constructor(model: WidgetModel<FormState>) {
    this.search = make("input", {
      type: "search",
      class: "box search",
      placeholder: "Search fields",
      "aria-label": "Search fields",
    });
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.search.value === "") return;
      this.search.value = "";
      this.filter();
    });
    const tools = make("div", { class: "tools" });
    this.element = make(
      "div",
      // Single keys are the notebook's, but not those pressed in here.
      {
        class: "ezmsg-nb-settings",
        "data-ezmsg-nb": "settings-form",
        "data-lm-suppress-shortcuts": "true",
      },
      this.banner,
      tools,
      this.search,
      this.sections,
      this.none,
    );
    this.client = new FormClient(model, {
      form: (form) => {
        this.greeted = true;
        this.show(form);
      },
      fields: (unit, statuses) => this.update(unit, statuses),
      tools: (state) => this.tools.update(state),
      busy: (waiting) => {
        this.isBusy = waiting;
        this.paint();
      },
    });
    this.tools = new ToolBar(tools, this.client);
    const mismatch = protocolMismatch(model.get("_protocol"));
    if (mismatch !== null) {
      this.element.dataset.state = "mismatch";
      this.banner.textContent = mismatch;
      this.search.hidden = true;
      return;
    }
    const saved = model.get("_form");
    if (saved !== null && typeof saved === "object") this.show(saved);
    this.paint();
    this.client.hello();
  }

  close(): void {
    this.client.close();
    this.tools.close();
  }

  /** What all controls hold, by unit and path, for tests of the whole form. */
  read(): Record<string, unknown> {
    return Object.fromEntries(this.views.map((view) => [view.unit, view.read()]));
  }

  private show(form: FormData): void {
    this.data = form;
    this.tools.update(form.tools ?? null);
    // Values change often, what the form is made of hardly ever: then it isn't built again.
    const structure = JSON.stringify(form.sections.map(({ fields: _fields, ...rest }) => rest));
    if (structure === this.built) {
      for (const section of form.sections) this.update(section.unit, section.fields);
    } else {
      this.built = structure;
      this.build(form);
    }
    this.paint();
  }

  private build(form: FormData): void {
    const before = new Map(this.views.map((view) => [view.unit, view]));
    const alone = form.sections.length === 1;
    let focused: FieldRow | null = null;
    this.views = form.sections.map((section) => {
      const view = new SectionView(
        section,
        this.client,
        (unit, open) => this.opened.set(unit, open),
        alone,
      );
      view.setOpen(this.opened.get(section.unit) ?? form.sections.length <= OPEN_UNITS);
      const old = before.get(section.unit);
      if (old !== undefined) focused = view.adopt(old) ?? focused;
      return view;
    });
    for (const old of before.values()) old.retire();
    this.sections.replaceChildren(...this.views.map((view) => view.element));
    const fields = form.sections.reduce((sum, section) => sum + section.fields.length, 0);
    this.search.hidden = fields < SEARCH_FROM && form.sections.length <= OPEN_UNITS;
    this.filter();
    (focused as FieldRow | null)?.focus();
  }

  private update(unit: string, statuses: Status[]): void {
    this.views.find((view) => view.unit === unit)?.update(statuses);
    this.tools.somethingChanged();
  }

  private filter(): void {
    const sought = this.search.value.trim().toLowerCase();
    let found = false;
    for (const view of this.views) {
      const here = view.filter(sought);
      found ||= here;
      if (sought !== "" && here) view.setOpen(true);
      if (sought === "") {
        view.setOpen(this.opened.get(view.unit) ?? this.views.length <= OPEN_UNITS);
      }
    }
    const nothing = this.views.length === 0 ? "No settings to show." : "";
    this.none.textContent = found ? "" : nothing || `No field matches “${this.search.value}”.`;
    this.none.hidden = this.none.textContent === "";
  }

  private paint(): void {
    const status = this.data?.status ?? { state: "connected", text: "" };
    let text = "";
    let state: string = status.state;
    if (!this.greeted && this.data === null) {
      state = "connecting";
      text = this.isBusy ? "Waiting for the kernel: it is busy, or not there." : "Connecting…";
    } else if (!this.greeted && this.isBusy) {
      state = "stale";
      text = "Shown as saved: no kernel answers. It is busy, or this notebook has none.";
    } else if (status.state !== "connected") {
      const said = { reconnecting: "Reconnecting", closed: "Closed", lost: "Lost" }[status.state];
      text = status.text ? `${said}: ${status.text}` : `${said}. Nothing can be edited.`;
    } else if (this.isBusy) {
      state = "busy";
      text = "The kernel is busy; edits wait for it.";
    }
    this.element.dataset.state = state;
    this.banner.textContent = text;
    this.banner.hidden = text === "";
    const live = status.state === "connected" && state !== "stale" && state !== "connecting";
    for (const view of this.views) view.setLive(live);
    this.tools.setLive(live);
  }
}
