/** The rate of the selected endpoint over time. */
import uPlot from "uplot";
import plotCss from "uplot/dist/uPlot.min.css";
import { css, type Rgb } from "../shared/color";
import { make } from "../shared/make";
import type { Theme } from "../shared/theme";

const HEIGHT = 150;

export class RatePlot {
  readonly element = make("div", { class: "ezn-plot" });
  #plot: uPlot | null = null;
  #madeFor = "";

  constructor() {
    this.element.append(make("style", {}, plotCss));
    this.element.hidden = true;
  }

  /** Shows times (Unix seconds) and rates; draws anew where the endpoint or the theme changed. */
  show(name: string, times: number[], rates: number[], theme: Theme, width: number): void {
    const values = rates.map((rate) => (Number.isNaN(rate) ? null : rate));
    const data: uPlot.AlignedData = [times, values];
    const madeFor = `${name} ${theme.dark} ${css(theme.ground)}`;
    this.element.hidden = false;
    if (this.#plot && this.#madeFor === madeFor) {
      // While JupyterLab changes its theme, a plot that is made then has no width to go by.
      if (this.#plot.width !== width) this.resize(width);
      this.#plot.setData(data);
      return;
    }
    this.#plot?.destroy();
    this.#madeFor = madeFor;
    this.#plot = new uPlot(options(name, theme, width), data, this.element);
  }

  resize(width: number): void {
    if (width > 0) this.#plot?.setSize({ width, height: HEIGHT });
  }

  hide(): void {
    this.element.hidden = true;
    this.destroy();
  }

  destroy(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.#madeFor = "";
  }
}

function options(name: string, theme: Theme, width: number): uPlot.Options {
  const color = (rgb: Rgb): string => css(rgb);
  const axis: uPlot.Axis = {
    stroke: color(theme.muted),
    grid: { stroke: color(theme.border), width: 1 },
    ticks: { stroke: color(theme.border), width: 1 },
    font: `11px ${theme.font}`,
  };
  return {
    width: Math.max(120, width),
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [axis, { ...axis, label: "messages/s", labelFont: `11px ${theme.font}`, labelSize: 18 }],
    series: [{}, { label: name, stroke: color(theme.accent), width: 1.5, points: { show: false } }],
  };
}
