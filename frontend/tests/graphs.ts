/** Graphs for tests: the demo pipeline, and generated ones of any size. */
import type {
  CollectionData,
  EdgeData,
  PortData,
  TopologyData,
  UnitData,
} from "../src/topology/graph";

export function port(owner: string, name: string, more: Partial<PortData> = {}): PortData {
  return {
    name,
    topic: `${owner}/${name}`,
    direction: name.startsWith("INPUT") ? "input" : "output",
    type: "ezmsg.util.messages.axisarray.AxisArray",
    leaky: false,
    settings: name === "INPUT_SETTINGS",
    relay: false,
    ...more,
  };
}

export function unit(
  id: string,
  type: string,
  ports: string[],
  process: string | null,
  collection: string | null = null,
): UnitData {
  return {
    id,
    name: id.slice(id.lastIndexOf("/") + 1),
    type,
    collection,
    process,
    dynamic: ports.includes("INPUT_SETTINGS"),
    tasks: ["on_signal"],
    ports: ports.map((name) => port(id, name)),
  };
}

export function edge(from: string, to: string): EdgeData {
  return { from, to, owner: "pipeline", process: null };
}

export function topology(
  units: UnitData[],
  edges: EdgeData[],
  collections: CollectionData[] = [],
  topics: string[] = [],
): TopologyData {
  const names = [...new Set(units.map((one) => one.process).filter((id) => id !== null))];
  const processes = names.map((id, index) => ({
    id,
    pid: 4100 + index,
    host: "lab",
    units: units.filter((one) => one.process === id).map((one) => one.id),
  }));
  const owned = new Set([...units, ...collections].flatMap((one) => one.ports.map((p) => p.topic)));
  const ends = edges.flatMap(({ from, to }) => [from, to]);
  const loose = [...new Set([...topics, ...ends])].filter((topic) => !owned.has(topic));
  const processOf = new Map(
    units.flatMap((one) => one.ports.map(({ topic }) => [topic, one.process] as const)),
  );
  for (const one of edges) one.process = processOf.get(one.from) ?? null;
  return { revision: 1, units, collections, edges, processes, topics: loose };
}

/** The demo pipeline of `ezmsg_nb.demo()`: EEG simulation and preprocessing in 3 processes. */
export function demoTopology(): TopologyData {
  const through = ["INPUT_SETTINGS", "INPUT_SIGNAL", "OUTPUT_SIGNAL"];
  const units = [
    unit(
      "ECOG/CLOCK",
      "ezmsg.baseproc.clock.Clock",
      ["INPUT_SETTINGS", "OUTPUT_SIGNAL"],
      "p1",
      "ECOG",
    ),
    unit(
      "ECOG/NOISE",
      "ezmsg.simbiophys.noise.WhiteNoise",
      ["INPUT_SETTINGS", "INPUT_CLOCK", "OUTPUT_SIGNAL"],
      "p1",
      "ECOG",
    ),
    unit(
      "ECOG/OSC",
      "ezmsg.simbiophys.oscillator.SinGenerator",
      ["INPUT_SETTINGS", "INPUT_CLOCK", "OUTPUT_SIGNAL"],
      "p1",
      "ECOG",
    ),
    unit(
      "ECOG/ADD",
      "ezmsg.sigproc.math.add.Add",
      ["INPUT_SIGNAL_A", "INPUT_SIGNAL_B", "OUTPUT_SIGNAL"],
      "p1",
      "ECOG",
    ),
    unit("SLICE", "ezmsg.sigproc.slicer.Slicer", through, "p2"),
    unit("LP", "ezmsg.sigproc.butterworthfilter.ButterworthFilter", through, "p2"),
    unit("DOWNSAMPLE", "ezmsg.sigproc.downsample.Downsample", through, "p2"),
    unit("CAR", "ezmsg.sigproc.affinetransform.CommonRereference", through, "p2"),
    unit("ZSCORE", "ezmsg.sigproc.scaler.AdaptiveStandardScaler", through, "p3"),
    unit("SINK", "kernel_runtime.host.demo_pipeline.MessageCounter", ["INPUT_SIGNAL"], "p3"),
  ];
  const collections: CollectionData[] = [
    {
      id: "ECOG",
      name: "ECOG",
      type: "ezmsg.simbiophys.eeg.EEGSynth",
      collection: null,
      ports: [port("ECOG", "OUTPUT_SIGNAL")],
    },
  ];
  const chain = ["SLICE", "LP", "DOWNSAMPLE", "CAR", "ZSCORE", "SINK"];
  const edges = [
    edge("ECOG/CLOCK/OUTPUT_SIGNAL", "ECOG/NOISE/INPUT_CLOCK"),
    edge("ECOG/CLOCK/OUTPUT_SIGNAL", "ECOG/OSC/INPUT_CLOCK"),
    edge("ECOG/OSC/OUTPUT_SIGNAL", "ECOG/ADD/INPUT_SIGNAL_A"),
    edge("ECOG/NOISE/OUTPUT_SIGNAL", "ECOG/ADD/INPUT_SIGNAL_B"),
    edge("ECOG/ADD/OUTPUT_SIGNAL", "ECOG/OUTPUT_SIGNAL"),
    edge("ECOG/OUTPUT_SIGNAL", "SLICE/INPUT_SIGNAL"),
    ...chain.slice(1).map((to, i) => edge(`${chain[i]}/OUTPUT_SIGNAL`, `${to}/INPUT_SIGNAL`)),
  ];
  return topology(units, edges, collections);
}

/** A small repeatable random number generator (mulberry32). */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A pipeline of about `count` units: sources, branches that split and join, some collections
 * (nested up to two deep), some loose topics.
 */
export function generatedTopology(count: number, seed = 1, grouped = true): TopologyData {
  const random = randomSource(seed);
  const pick = <Item>(items: Item[]): Item | undefined =>
    items[Math.floor(random() * items.length)];
  const types = ["ButterworthFilter", "Downsample", "Window", "Spectrum", "Aggregate", "Scaler"];
  const units: UnitData[] = [];
  const collections: CollectionData[] = [];
  const edges: EdgeData[] = [];
  const outputs: { topic: string; collection: string | null }[] = [];
  let collection: string | null = null;
  let left = 0;
  for (let i = 0; i < count; i++) {
    if (grouped && left === 0) {
      collection = null;
      if (random() < 0.2) {
        const parent: string | null = random() < 0.3 ? (collections.at(-1)?.id ?? null) : null;
        const id: string = `${parent ? `${parent}/` : ""}STAGE${collections.length}`;
        left = 3 + Math.floor(random() * 5);
        collections.push({
          id,
          name: id.slice(id.lastIndexOf("/") + 1),
          type: "lab.Stage",
          collection: parent,
          ports: [],
        });
        collection = id;
      }
    } else if (left > 0) left -= 1;
    const isSource = i === 0 || random() < 0.06;
    const inputs = isSource ? 0 : random() < 0.18 ? 2 : 1;
    const names = [
      "INPUT_SETTINGS",
      ...(inputs === 2 ? ["INPUT_A", "INPUT_B"] : inputs === 1 ? ["INPUT_SIGNAL"] : []),
      "OUTPUT_SIGNAL",
      ...(random() < 0.12 ? ["OUTPUT_STATUS"] : []),
    ];
    const id = `${collection ? `${collection}/` : ""}U${i}`;
    const type = `lab.units.${isSource ? "Source" : pick(types)}`;
    units.push(
      unit(
        id,
        type,
        names,
        `p${1 + Math.floor((i / count) * Math.min(8, 1 + count / 8))}`,
        collection,
      ),
    );
    const near = outputs.slice(-6);
    for (const name of names.filter((one) => one.startsWith("INPUT") && one !== "INPUT_SETTINGS")) {
      const from = random() < 0.75 ? (near.at(-1) ?? outputs[0]) : (pick(near) ?? outputs[0]);
      if (from) edges.push(edge(from.topic, `${id}/${name}`));
    }
    outputs.push({ topic: `${id}/OUTPUT_SIGNAL`, collection });
  }
  if (count > 20) {
    edges.push(edge("monitor/raw", units[5]?.ports[1]?.topic ?? ""));
  }
  return topology(units, edges, collections, count > 20 ? ["monitor/raw"] : []);
}

/** A graph with many lines: units of up to three inputs, fed from far and near. */
export function denseTopology(count: number, seed: number): TopologyData {
  const random = randomSource(seed * 77 + count);
  const units: UnitData[] = [];
  const edges: EdgeData[] = [];
  const names = (prefix: string, howMany: number): string[] =>
    Array.from({ length: howMany }, (_, index) => `${prefix}_${index}`);
  for (let i = 0; i < count; i++) {
    const inputs = i < count / 6 ? 0 : 1 + Math.floor(random() * 3);
    const ports = [...names("INPUT", inputs), ...names("OUTPUT", 1 + Math.floor(random() * 2))];
    units.push(unit(`N${i}`, "lab.Unit", ports, "p1"));
    for (let input = 0; input < inputs; input++) {
      const source = units[Math.max(0, i - 1 - Math.floor((random() * random() * count) / 2))];
      const outputs = (source?.ports ?? []).filter((one) => one.direction === "output");
      const from = outputs[Math.floor(random() * outputs.length)];
      if (from) edges.push(edge(from.topic, `N${i}/INPUT_${input}`));
    }
  }
  return topology(units, edges);
}
