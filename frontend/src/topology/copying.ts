/** The picture for elsewhere: to the clipboard, or as a file where the page may not write there. */
import { make } from "../shared/make";
import type { Stage } from "./stage";
import type { TopologyStore } from "./store";

const FORMATS = ["PNG", "SVG", "Mermaid", "DOT"];
const ENDINGS: Record<string, string> = { mermaid: "mmd", dot: "gv" };

export class CopyMenu {
  readonly element = make("select", { "aria-label": "Copy as" });
  readonly #stage: Stage;
  readonly #tell: (text: string) => void;

  constructor(store: TopologyStore, stage: Stage, tell: (text: string) => void) {
    this.#stage = stage;
    this.#tell = tell;
    for (const name of ["Copy", ...FORMATS]) this.element.append(make("option", {}, name));
    this.element.addEventListener("change", () => {
      const format = this.element.value.toLowerCase();
      this.element.selectedIndex = 0;
      if (format === "png") this.#copyPixels();
      // The kernel writes these: they have all of the graph, folded or not.
      else store.ask({ type: "export", format });
    });
  }

  take({ format, text }: { format: string; text: string }): void {
    const file = new Blob([text], { type: "text/plain" });
    void this.#give(format, file, () => navigator.clipboard.writeText(text));
  }

  #copyPixels(): void {
    const whole = this.#stage.surface.copy(this.#stage.theme.ground);
    whole.toBlob((blob) => {
      if (!blob) return;
      const item = (): Promise<void> =>
        navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      void this.#give("png", blob, item);
    });
  }

  async #give(format: string, file: Blob, copy: () => Promise<void>): Promise<void> {
    try {
      await copy();
      this.#tell("Copied");
    } catch {
      // Not every page may write to the clipboard.
      const url = URL.createObjectURL(file);
      make("a", { href: url, download: `topology.${ENDINGS[format] ?? format}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 999);
      this.#tell("Saved as a file");
    }
  }
}
