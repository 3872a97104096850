import type { WidgetModel } from "../shared/anywidget";
import type { Encoded } from "./encoded";
import type { Answer, FormData, FormState, FromKernel, Status, Tools } from "./protocol";
import { withFields } from "./saved";

/** After this long without an answer the kernel counts as busy. */
export const BUSY_AFTER_MS = 1_500;

export interface FormListener {
  /** The whole form: build it. */
  form(form: FormData): void;
  /** Some fields of it changed. */
  fields(unit: string, statuses: Status[]): void;
  /** Something else can be undone now, or waits to be applied. */
  tools(tools: Tools | null): void;
  /** Whether the kernel has yet to answer something, for longer than is usual. */
  busy(waiting: boolean): void;
}

/**
 * The form's line to the kernel.
 *
 * Changes carry a sequence number; where one is missing the whole form is asked for. Every edit
 * gets an answer, however late: the kernel may be running a cell.
 */
export class FormClient {
  private seq = -1;
  private nextId = 1;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  /** Work of the graph's, which may take long without the kernel being busy. */
  private readonly working = new Map<number, (answer: Answer) => void>();
  private greeting: number | null = null;
  private busyTimer: ReturnType<typeof setTimeout> | null = null;
  private readonly receive = (message: FromKernel) => this.onMessage(message);

  constructor(
    private readonly model: WidgetModel<FormState>,
    private readonly listener: FormListener,
  ) {
    model.on("msg:custom", this.receive as (...args: never[]) => void);
  }

  /** Ask for the form as it is now; what was sent before this page was ready is lost. */
  hello(): void {
    this.greeting = this.nextId++;
    this.model.send({ type: "hello" });
    this.watch();
  }

  /** `seen` is the value that is overwritten, as far as this page knows. */
  edit(unit: string, path: string, value: Encoded, seen?: Encoded): Promise<Answer> {
    return this.ask({ type: "edit", unit, path, value, ...(seen === undefined ? {} : { seen }) });
  }

  reset(unit: string, path: string): Promise<Answer> {
    return this.ask({ type: "reset", unit, path });
  }

  /** Apply, undo, redo: answered when the graph has done it. */
  work(type: string, content: Record<string, unknown> = {}): Promise<Answer> {
    const id = this.nextId++;
    const answered = new Promise<Answer>((resolve) => this.working.set(id, resolve));
    this.model.send({ ...content, type, id });
    return answered;
  }

  tell(type: string, content: Record<string, unknown> = {}): void {
    this.model.send({ ...content, type });
  }

  /** Forget a refused edit, or one that waits. */
  dismiss(unit: string, path: string): void {
    this.model.send({ type: "dismiss", unit, path });
  }

  close(): void {
    if (this.busyTimer !== null) clearTimeout(this.busyTimer);
    this.model.off("msg:custom", this.receive as (...args: never[]) => void);
    this.waiting.clear();
    this.working.clear();
  }

  private ask(content: Record<string, unknown>): Promise<Answer> {
    const id = this.nextId++;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.model.send({ ...content, id });
    this.watch();
    return answered;
  }

  private watch(): void {
    this.busyTimer ??= setTimeout(() => {
      this.busyTimer = null;
      this.listener.busy(this.greeting !== null || this.waiting.size > 0);
    }, BUSY_AFTER_MS);
  }

  private answered(): void {
    if (this.greeting !== null || this.waiting.size > 0) return;
    if (this.busyTimer !== null) clearTimeout(this.busyTimer);
    this.busyTimer = null;
    this.listener.busy(false);
  }

  private onMessage(message: FromKernel): void {
    switch (message.type) {
      case "form":
        this.seq = message.seq;
        this.greeting = null;
        this.model.set("_form", message.form);
        this.listener.form(message.form);
        this.answered();
        break;
      case "fields":
        if (this.greeting !== null || message.seq <= this.seq) break;
        if (message.seq !== this.seq + 1) {
          this.hello();
          break;
        }
        this.seq = message.seq;
        this.model.set("_form", withFields(this.model.get("_form"), message.units));
        for (const [unit, statuses] of Object.entries(message.units)) {
          this.listener.fields(unit, statuses);
        }
        if (message.tools !== undefined) this.listener.tools(message.tools);
        break;
      case "answer":
        (this.waiting.get(message.id) ?? this.working.get(message.id))?.(message);
        this.waiting.delete(message.id);
        this.working.delete(message.id);
        this.answered();
        break;
    }
  }
}
