import { describe, expect, it } from "vitest";
import { demoTopology } from "../../tests/graphs";
import { MockModel } from "../../tests/model";
import { PROTOCOL } from "../shared/protocol";
import type { RatesMessage } from "./rates";
import { type Change, type TopologyState, TopologyStore } from "./store";

const MORE = { _esm: "", pins: {}, group_by: "collection", _history: null } as const;

function attach(state: Partial<TopologyState> = {}): {
  model: MockModel<TopologyState>;
  store: TopologyStore;
  changes: Change[];
} {
  const model = new MockModel<TopologyState>({
    _protocol: PROTOCOL,
    _topology: demoTopology(),
    _status: { state: "connected", text: "127.0.0.1:1" },
    _unit_states: {},
    selected: null,
    folded: null,
    ...MORE,
    height: 420,
    ...state,
  });
  const store = new TopologyStore();
  store.attach(model);
  const changes: Change[] = [];
  store.onChange((change) => changes.push(change));
  return { model, store, changes };
}

const rates = (sequence: number, full: boolean, revision = 1): RatesMessage => ({
  type: "rates",
  revision,
  sequence,
  full,
});

function buffers(index: number, value: number): DataView[] {
  const [a, b] = [new DataView(new ArrayBuffer(4)), new DataView(new ArrayBuffer(4))];
  a.setUint32(0, index, true);
  b.setFloat32(0, value, true);
  return [a, b];
}

describe("store", () => {
  it("reads what the model has when it is attached", () => {
    const { store } = attach();
    expect(store.graph.units.size).toBe(10);
    expect(store.status.state).toBe("connected");
    expect(store.mismatch).toBeNull();
  });

  it("says when the page speaks another protocol than the kernel", () => {
    expect(attach({ _protocol: PROTOCOL + 1 }).store.mismatch).toMatch(/reload the page/);
  });

  it("follows the traits", () => {
    const { model, store, changes } = attach();
    model.receive({ _unit_states: { LP: ["dead", "killed"] } });
    expect(store.conditions.get("LP")).toEqual({ state: "dead", reason: "killed" });
    model.receive({ _status: { state: "lost", text: "gone" } });
    model.receive({ selected: "LP" });
    expect(changes).toEqual(["conditions", "status", "selected"]);
  });

  it("applies rates, and asks for all after a gap", () => {
    const { model, store, changes } = attach();
    model.message(rates(5, true), buffers(0, 12));
    expect(store.rates.values[0]).toBe(12);
    model.message(rates(7, false), buffers(0, 13));
    expect(model.sent).toEqual([{ type: "resync" }]);
    expect(store.rates.values[0]).toBe(12);
    expect(changes).toEqual(["rates"]);
  });

  it("keeps known rates when the topology changes", () => {
    const { model, store } = attach();
    const topic = "LP/OUTPUT_SIGNAL";
    model.message(rates(1, true), buffers(store.graph.rateIndex.get(topic) ?? 0, 20));
    const data = demoTopology();
    data.revision = 2;
    data.edges.shift();
    data.edges.shift();
    model.receive({ _topology: data });
    expect(store.rates.values[store.graph.rateIndex.get(topic) ?? -1]).toBe(20);
    model.message(rates(2, false, 1), buffers(0, 99));
    expect([...store.rates.values]).not.toContain(99);
  });

  it("lets go of the model", () => {
    const model = new MockModel<TopologyState>({
      _protocol: PROTOCOL,
      _topology: null,
      _status: { state: "connecting", text: "" },
      _unit_states: {},
      selected: null,
      folded: null,
      ...MORE,
      height: 420,
    });
    const store = new TopologyStore();
    const detach = store.attach(model);
    expect(store.graph.units.size).toBe(0);
    detach();
    expect(model.listenerCount).toBe(0);
  });
});
