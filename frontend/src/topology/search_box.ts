/** The field in which one types what to find. */

import { make } from "../shared/make";

export interface SearchActions {
  search(text: string): void;
  next(step: 1 | -1): void;
  close(): void;
}

export class SearchBox {
  readonly #input = make("input", {
    type: "search",
    placeholder: "Unit, type or topic",
    "aria-label": "Find units by name, type or topic",
  });
  readonly #count = make("output");
  readonly element = make("div", { class: "ezn-search", hidden: "" }, this.#input, this.#count);

  constructor(actions: SearchActions) {
    this.#input.addEventListener("input", () => actions.search(this.#input.value));
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") actions.next(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") actions.close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    this.element.hidden = false;
    this.#input.focus({ preventScroll: true });
    this.#input.select();
  }

  close(): void {
    this.element.hidden = true;
    this.#input.value = "";
    this.#count.textContent = "";
  }

  showCount(found: number, at: number): void {
    if (this.#input.value.trim() === "") this.#count.textContent = "";
    else if (found === 0) this.#count.textContent = "nothing found";
    else this.#count.textContent = at < 0 ? `${found} found` : `${at + 1} of ${found}`;
  }
}
