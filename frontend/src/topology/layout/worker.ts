/**
 * Layouts of large graphs, off the page's thread: a worker that runs this same bundle.
 *
 * Under a policy like `worker-src 'self'` such a worker doesn't fail when it is made, but by an
 * event later: what was asked until then is laid out here instead.
 */
import { type LayoutTask, layoutDrawing, type Placed } from "./compose";

interface Scope {
  onmessage: ((event: MessageEvent<[number, LayoutTask]>) => void) | null;
  postMessage(answer: [number, Placed]): void;
}

/** What the bundle does where there is no page: it answers each task with its layout. */
export function serveLayouts(scope: Scope): void {
  scope.onmessage = ({ data: [id, task] }) => scope.postMessage([id, layoutDrawing(task)]);
}

interface Waiting {
  task: LayoutTask;
  done(placed: Placed): void;
}

export class LayoutWorker {
  #worker: Worker | null = null;
  #failed = false;
  #count = 0;
  readonly #waiting = new Map<number, Waiting>();

  /** `source` gives the text of this bundle. */
  constructor(readonly source: () => string | undefined) {}

  layout(task: LayoutTask): Promise<Placed> {
    return new Promise((done) => {
      this.#count += 1;
      this.#waiting.set(this.#count, { task, done });
      if (!this.#failed && !this.#worker) this.#start();
      if (this.#failed) this.#layoutHere();
      else this.#worker?.postMessage([this.#count, task]);
    });
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#waiting.clear();
  }

  #start(): void {
    const source = this.source();
    if (!source) {
      this.#failed = true;
      return;
    }
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    try {
      const worker = new Worker(url, { type: "module" });
      worker.onmessage = ({ data: [id, placed] }: MessageEvent<[number, Placed]>) => {
        URL.revokeObjectURL(url);
        this.#waiting.get(id)?.done(placed);
        this.#waiting.delete(id);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        URL.revokeObjectURL(url);
        this.#layoutHere();
      };
      this.#worker = worker;
    } catch {
      this.#layoutHere();
    }
  }

  #layoutHere(): void {
    this.#failed = true;
    this.#worker?.terminate();
    this.#worker = null;
    for (const { task, done } of this.#waiting.values()) done(layoutDrawing(task));
    this.#waiting.clear();
  }
}
