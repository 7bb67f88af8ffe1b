// The drawing of charts, with uPlot. Loaded where there is something to draw, and not before.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { onThemeChange } from "./theme.js";

const HEIGHT = 216;
const ROW_HEIGHT = 36;
const NARROWEST_LABEL = 38;

/** Draw into `plot`, as wide as it is and in the colours of the theme, until `signal` is aborted; see `figure`. */
export function draw(plot, what, signal) {
  let chart = null;
  const again = () => {
    chart?.destroy();
    chart = drawn(plot, what);
  };
  const sizes = new ResizeObserver(() => plot.clientWidth !== chart?.width && again());
  sizes.observe(plot);
  onThemeChange(again, signal);
  signal.addEventListener("abort", () => {
    sizes.disconnect();
    chart?.destroy();
  });
}

function drawn(plot, { kind, labels, series, format }) {
  const isOnItsSide = kind === "ranking";
  const colours = paint(plot);
  const points = labels.short.map((_, index) => index);
  const stacked = kind === "bars" ? stack(series) : series.map(({ values }) => values);
  const axes = [alongAxis(labels.short, colours, isOnItsSide), valueAxis(colours, isOnItsSide)];
  const options = {
    width: plot.clientWidth,
    height: isOnItsSide ? Math.max(HEIGHT, points.length * ROW_HEIGHT) : HEIGHT,
    padding: isOnItsSide ? [0, 84, 0, 0] : [12, 8, 0, 0],
    legend: { show: false },
    cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: kind === "line" } },
    scales: {
      x: { time: false, range: [-0.5, points.length - 0.5], ...(isOnItsSide && { ori: 1, dir: -1 }) },
      y: {
        range: (_, __, most) => [0, (most || 1) * (isOnItsSide ? 1 : 1.12)],
        ...(isOnItsSide && { ori: 0, dir: 1 }),
      },
    },
    axes,
    // The tallest of a stack first, so that the others stand before it.
    series: [{}, ...series.map((_, index) => look(kind, colours.series[index])).reverse()],
    hooks: isOnItsSide
      ? { draw: [(chart) => writeValues(chart, series[0].values, format, colours)] }
      : { ...tip(labels.long, series, format) },
  };
  return new uPlot(options, [points, ...stacked.reverse()], plot);
}

/** Each series on top of those before it. */
function stack(series) {
  const sums = series[0].values.map(() => 0);
  return series.map(({ values }) => values.map((value, index) => (sums[index] += value)));
}

/** The colours that the style sheet gives to a chart, at the moment. */
function paint(plot) {
  const style = getComputedStyle(plot);
  const colour = (name) => style.getPropertyValue(`--chart-${name}`);
  return { text: colour("text"), grid: colour("grid"), series: [colour("1"), colour("2")], font: style.fontFamily };
}

function look(kind, colour) {
  if (kind === "line") {
    return {
      stroke: colour,
      width: 2.5,
      spanGaps: true,
      points: { show: true, size: 8, fill: colour, stroke: colour },
    };
  }
  const size = kind === "ranking" ? [0.5, 18] : [0.62, 44];
  return {
    fill: colour,
    stroke: colour,
    width: 0,
    paths: uPlot.paths.bars({ size, radius: 0.18 }),
    points: { show: false },
  };
}

function alongAxis(labels, { text, font }, isOnItsSide) {
  return {
    side: isOnItsSide ? 3 : 2,
    size: isOnItsSide ? 104 : labels.join().includes("\n") ? 42 : 28,
    gap: 8,
    stroke: text,
    font: `12px ${font}`,
    grid: { show: false },
    ticks: { show: false },
    splits: () => labels.map((_, index) => index),
    values: (chart, splits) => {
      const step = isOnItsSide ? 1 : Math.ceil((labels.length * NARROWEST_LABEL) / chart.width);
      return splits.map((index) => ((labels.length - 1 - index) % step ? "" : labels[index]));
    },
  };
}

function valueAxis({ text, grid, font }, isOnItsSide) {
  if (isOnItsSide) return { show: false, side: 2 };
  const values = (_, splits) => splits.map(count);
  return {
    size: 52,
    gap: 8,
    stroke: text,
    font: `12px ${font}`,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    values,
  };
}

/** The values of a ranking, each at the end of its bar. */
function writeValues({ ctx, valToPos }, values, format, { text, font }) {
  ctx.save();
  Object.assign(ctx, {
    fillStyle: text,
    font: `${12 * devicePixelRatio}px ${font}`,
    textAlign: "left",
    textBaseline: "middle",
  });
  for (const [index, value] of values.entries()) {
    ctx.fillText(format(value), valToPos(value, "y", true) + 8 * devicePixelRatio, valToPos(index, "x", true));
  }
  ctx.restore();
}

/** The values under the pointer, in a box beside it. */
function tip(labels, series, format) {
  const box = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  function follow({ cursor: { idx, left }, over }) {
    box.hidden = typeof idx !== "number" || left < 0;
    if (box.hidden) return;
    const lines = series.map(({ name, values }) =>
      h("p", {}, series.length > 1 ? `${name}: ` : "", values[idx] === null ? "—" : format(values[idx])),
    );
    box.replaceChildren(h("p", { class: "muted" }, labels[idx]), ...lines);
    const isRight = left > over.clientWidth / 2;
    box.style.transform = `translateX(${isRight ? left - box.offsetWidth - 12 : left + 12}px)`;
  }
  return { init: [({ over }) => over.append(box)], setCursor: [follow] };
}
