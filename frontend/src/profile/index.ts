import type { InitializeContext, RenderContext } from "../shared/anywidget";
import { type ProfileState, ProfileStore } from "./store";
import { ProfileTable } from "./view";

/** anywidget calls this once a model: its views share what is decoded. */
export default function profileView(): {
  initialize(context: InitializeContext<ProfileState>): () => void;
  render(context: RenderContext<ProfileState>): () => void;
} {
  const store = new ProfileStore();
  return {
    initialize: ({ model }) => store.attach(model),
    render({ el }) {
      const view = new ProfileTable(store, el);
      return () => view.destroy();
    },
  };
}
