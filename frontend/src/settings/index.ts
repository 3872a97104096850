import type { Cleanup, RenderContext } from "../shared/anywidget";
import { FormView } from "./form";
import type { FormState } from "./protocol";
import css from "./style.css";

/** Style sheets are added once to each document or shadow root that a form is in. */
const STYLE_ID = "ezmsg-nb-settings-style";

function addStyle(element: HTMLElement): void {
  const root = element.getRootNode();
  const place = root instanceof ShadowRoot ? root : document.head;
  if (place.querySelector(`#${STYLE_ID}`) !== null) return;
  const style = document.createElement("style");
  style.id = STYLE_ID;
  style.textContent = css;
  place.append(style);
}

function render({ model, el }: RenderContext<FormState>): Cleanup {
  const form = new FormView(model);
  el.classList.add("ezmsg-nb-settings-view");
  el.append(Object.assign(form.element, { read: () => form.read() }));
  addStyle(el);
  return () => {
    form.close();
    form.element.remove();
  };
}

export default { render };
