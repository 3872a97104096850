import type { InitializeContext, RenderContext } from "../shared/anywidget";
import { type ScopeState, ScopeStore } from "./store";
import { ScopeView } from "./view";

/** anywidget calls this once a model: its views share what is decoded. */
export default function scope(): {
  initialize(context: InitializeContext<ScopeState>): () => void;
  render(context: RenderContext<ScopeState>): () => void;
} {
  const store = new ScopeStore();
  return {
    initialize: ({ model }) => store.attach(model),
    render({ el }) {
      const view = new ScopeView(store, el);
      return () => view.destroy();
    },
  };
}
