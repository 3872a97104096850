type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Make an element. Attributes that are null, undefined or false are left out. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** A button that shows a sign and is known to all by its title. */
export function signButton(sign: string, title: string, action: () => void): HTMLButtonElement {
  const button = make(
    "button",
    { type: "button", class: "sign", title, "aria-label": title },
    sign,
  );
  button.addEventListener("click", action);
  return button;
}

/** Whether the focus is in an element; also inside a shadow root. */
export function hasFocus(element: HTMLElement): boolean {
  const root = element.getRootNode();
  const active = root instanceof ShadowRoot ? root.activeElement : document.activeElement;
  return active !== null && element.contains(active);
}

let count = 0;

/** An id that no other element of the page has. */
export function uniqueId(): string {
  count += 1;
  return `ezmsg-nb-settings-${count}-${Math.random().toString(36).slice(2, 8)}`;
}
