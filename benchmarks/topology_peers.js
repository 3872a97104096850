// The same graph in React Flow, and in Cytoscape with the layout of ELK.
import { Background, ReactFlow } from "@xyflow/react";
import cytoscape from "cytoscape";
import ELK from "elkjs/lib/elk.bundled.js";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const elk = new ELK();

async function placed({ units, edges }) {
  const graph = {
    id: "root",
    layoutOptions: { "elk.algorithm": "layered", "elk.direction": "RIGHT" },
    children: units.map(({ id }) => ({ id, width: 150, height: 50 })),
    edges: edges.map(({ from, to }, i) => ({
      id: `e${i}`,
      sources: [from.slice(0, from.lastIndexOf("/"))],
      targets: [to.slice(0, to.lastIndexOf("/"))],
    })),
  };
  return elk.layout(graph);
}

function reactFlow() {
  let root, flow, shown;
  return {
    name: "react_flow",
    async show(data, host) {
      const laid = await placed(data);
      const nodes = laid.children.map(({ id, x, y }) => ({
        id,
        position: { x, y },
        data: { label: id },
      }));
      shown = laid.edges.map(({ id, sources, targets }) => ({
        id,
        source: sources[0],
        target: targets[0],
        label: "20 Hz",
      }));
      root = createRoot(host);
      const ready = new Promise((done) => {
        const onInit = (instance) => {
          flow = instance;
          done();
        };
        root.render(
          createElement(ReactFlow, { defaultNodes: nodes, defaultEdges: shown, onInit, fitView: true, minZoom: 0.01 },
            createElement(Background)),
        );
      });
      await ready;
    },
    panBy(dx) {
      const { x, y, zoom } = flow.getViewport();
      flow.setViewport({ x: x + dx, y, zoom });
    },
    update() {
      const from = performance.now();
      flow.setEdges((edges) => edges.map((one) => ({ ...one, label: `${Math.random()} Hz` })));
      return performance.now() - from;
    },
    clear: () => root.unmount(),
  };
}

function cytoscapeWithElk() {
  let cy;
  return {
    name: "cytoscape_elk",
    async show(data, host) {
      const laid = await placed(data);
      cy = cytoscape({
        container: host,
        elements: [
          ...laid.children.map(({ id, x, y }) => ({ data: { id, label: id }, position: { x, y } })),
          ...laid.edges.map(({ id, sources, targets }) => ({
            data: { id, source: sources[0], target: targets[0], label: "20 Hz" },
          })),
        ],
        style: [
          { selector: "node", style: { label: "data(label)", shape: "round-rectangle" } },
          { selector: "edge", style: { label: "data(label)", "curve-style": "taxi" } },
        ],
        layout: { name: "preset", fit: true },
      });
    },
    panBy: (dx) => cy.panBy({ x: dx, y: 0 }),
    update() {
      const from = performance.now();
      cy.batch(() => cy.edges().forEach((one) => one.data("label", `${Math.random()} Hz`)));
      return performance.now() - from;
    },
    clear: () => cy.destroy(),
  };
}

window.peers = [reactFlow(), cytoscapeWithElk()];
