/** The part of anywidget's front-end interface that our widgets use. */

export interface WidgetModel<State extends object> {
  get<Key extends keyof State & string>(name: Key): State[Key];
  set<Key extends keyof State & string>(name: Key, value: State[Key]): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: (ArrayBuffer | ArrayBufferView)[]): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback?: (...args: never[]) => void): void;
}

export interface RenderContext<State extends object> {
  model: WidgetModel<State>;
  el: HTMLElement;
}

export interface InitializeContext<State extends object> {
  model: WidgetModel<State>;
}

/** What `initialize` and `render` may give back: called once when the model or view goes. */
export type Cleanup = () => void;
