/** A stand-in for anywidget's model: traits, messages, and what the browser sent. */
import type { WidgetModel } from "../src/shared/anywidget";

type Handler = (...args: never[]) => void;

export class MockModel<State extends object> implements WidgetModel<State> {
  readonly sent: unknown[] = [];
  saves = 0;
  private readonly handlers = new Map<string, Set<Handler>>();

  constructor(private readonly state: State) {}

  get<Key extends keyof State & string>(name: Key): State[Key] {
    return this.state[name];
  }

  set<Key extends keyof State & string>(name: Key, value: State[Key]): void {
    this.state[name] = value;
    this.emit(`change:${name}`);
  }

  save_changes(): void {
    this.saves += 1;
  }

  send(content: unknown): void {
    this.sent.push(content);
  }

  on(event: string, handler: Handler): void {
    const known = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, known.add(handler));
  }

  off(event: string, handler?: Handler): void {
    if (handler) this.handlers.get(event)?.delete(handler);
    else this.handlers.delete(event);
  }

  get listenerCount(): number {
    return [...this.handlers.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /** The kernel sets traits. */
  receive(state: Partial<State>): void {
    Object.assign(this.state, state);
    for (const name of Object.keys(state)) this.emit(`change:${name}`);
  }

  /** The kernel sends a message of its own. */
  message(content: unknown, buffers: DataView[] = []): void {
    this.emit("msg:custom", content, buffers);
  }

  private emit(event: string, ...args: unknown[]): void {
    for (const handler of this.handlers.get(event) ?? []) {
      (handler as unknown as (...all: unknown[]) => void)(...args);
    }
  }
}
