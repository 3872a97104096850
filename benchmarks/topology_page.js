// What the benchmark does in the page: ours with a model of its own, and peers with a same shape.
// Each contestant gives {show(data), panBy(dx), update(data), clear()}; times are in ms.
window.bench = {
  frame: () => new Promise((done) => requestAnimationFrame(done)),
  // A frame has been painted when a task runs after the callbacks of the next one.
  painted: () =>
    new Promise((done) =>
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(0);
      }),
    ),
  host() {
    const host = document.createElement("div");
    host.style.cssText = "width:1060px;height:560px;position:relative";
    document.querySelector("main").replaceChildren(host);
    return host;
  },
  async firstPaint(contestant, data) {
    await this.frame();
    const from = performance.now();
    await contestant.show(data, this.host());
    const time = (await this.painted()) - from;
    return time;
  },
  // Frames while the view moves and rates come ten times a second.
  async pan(contestant, frames) {
    const gaps = [];
    let before = await this.frame();
    let updated = before;
    for (let i = 0; i < frames; i++) {
      contestant.panBy(i % 80 < 40 ? -6 : 6);
      if (before - updated > 100) {
        contestant.update();
        updated = before;
      }
      const now = await this.frame();
      gaps.push(now - before);
      before = now;
    }
    return gaps;
  },
};

window.ours = (source) => {
  let widget, view, end, handlers, state, stage, at, sequence;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const module = import(url);
  const emit = (event, ...args) => handlers.get(event)?.forEach((handler) => handler(...args));
  const pointer = (type, x, buttons) =>
    stage.dispatchEvent(
      new PointerEvent(type, { pointerId: 1, clientX: x, clientY: 3, buttons, bubbles: true }),
    );
  const contestant = {
    async prepare() {
      this.make = (await module).default;
    },
    async show(data, host) {
      handlers = new Map();
      state = { ...data, _esm: source };
      sequence = 0;
      const model = {
        get: (name) => state[name],
        set: (name, value) => {
          state[name] = value;
          emit(`change:${name}`);
        },
        save_changes() {},
        send() {},
        on: (event, handler) =>
          handlers.set(event, (handlers.get(event) ?? new Set()).add(handler)),
        off: (event, handler) => handlers.get(event)?.delete(handler),
      };
      widget = contestant.make();
      end = widget.initialize({ model });
      view = widget.render({ model, el: host });
      stage = host.querySelector(".ezn-stage");
      stage.setPointerCapture = () => {};
      while (!host.querySelector("canvas")?.width || !host.querySelector(".ezn-legend li"))
        await bench.frame();
      at = 1000;
    },
    panBy(dx) {
      if (!this.down) pointer("pointerdown", (at = 1050), 1);
      this.down = true;
      pointer("pointermove", (at += dx), 1);
    },
    drop() {
      if (this.down) pointer("pointerup", at, 0);
      this.down = false;
    },
    update() {
      const { count, revision } = this;
      const [index, values] = [new Uint32Array(count), new Float32Array(count)];
      for (let i = 0; i < count; i++) [index[i], values[i]] = [i, 10 + Math.random() * 500];
      sequence += 1;
      const from = performance.now();
      const message = { type: "rates", revision, sequence, full: true };
      emit("msg:custom", message, [new DataView(index.buffer), new DataView(values.buffer)]);
      return performance.now() - from;
    },
    // Work of a fold: the layout, and the next picture.
    async fold(ids) {
      const from = performance.now();
      state.folded = ids;
      emit("change:folded");
      // What follows in the same task is counted too.
      await Promise.resolve().then(() => {});
      const laidOut = performance.now() - from;
      const drawn = await new Promise((done) =>
        requestAnimationFrame(() => {
          const start = performance.now();
          const channel = new MessageChannel();
          channel.port1.onmessage = () => done(performance.now() - start);
          channel.port2.postMessage(0);
        }),
      );
      return laidOut + drawn;
    },
    clear() {
      this.drop();
      view();
      end();
    },
  };
  return contestant;
};
