import type { InitializeContext, RenderContext } from "../shared/anywidget";
import { serveLayouts } from "./layout/worker";
import { type TopologyState, TopologyStore } from "./store";
import { TopologyView } from "./view";

// In a worker there is no page: this bundle then serves layouts to one that is in a page.
if (typeof document === "undefined") serveLayouts(self as never);

/** anywidget calls this once a model: its views share what is decoded. */
export default function topologyWidget(): {
  initialize(context: InitializeContext<TopologyState>): () => void;
  render(context: RenderContext<TopologyState>): () => void;
} {
  const store = new TopologyStore();
  return {
    initialize: ({ model }) => store.attach(model),
    render({ model, el }) {
      const view = new TopologyView(store, model, el);
      return () => view.destroy();
    },
  };
}
