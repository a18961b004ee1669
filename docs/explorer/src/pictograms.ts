// The rule of a method as a small drawing, for SVG and canvas alike: strokes in a box of 64 x 40.
import type { Colours } from "./plane";

export const [WIDE, TALL] = [64, 40];

export const RULES: Record<string, string> = {
  tangent: "Straight line",
  direct: "Solved path",
  Lagrangian: "Move the end",
  Eulerian: "Move the start",
  semigroup: "Break in two",
  integral: "Average on the way",
  distributional: "Match clouds",
};

/** Where the velocity in a loss comes from, and the colour of its arrow. */
export const VELOCITIES: Record<string, { shown: string; colour: keyof Colours }> = {
  teacher: { shown: "teacher", colour: "tangent" },
  own: { shown: "own diagonal", colour: "learnt" },
  sample: { shown: "sample", colour: "sample" },
  "paired samples": { shown: "paired samples", colour: "sample" },
  "batch posterior": { shown: "average of a batch", colour: "sample" },
  "previous student": { shown: "previous student", colour: "tangent" },
};

export interface Stroke { d: string; colour: keyof Colours; dashed?: boolean }

const PATH = "M5 34 C18 8 36 4 58 10"; // from noise, at the left, to data
const head = (x: number, y: number, dx: number, dy: number): string => {
  const [u, v] = [dx / Math.hypot(dx, dy), dy / Math.hypot(dx, dy)];
  return `M${x - 5 * u - 3 * v} ${y - 5 * v + 3 * u} L${x} ${y} L${x - 5 * u + 3 * v} ${y - 5 * v - 3 * u}`;
};
const arrow = (x: number, y: number, dx: number, dy: number): string => `M${x} ${y} L${x + dx} ${y + dy} ${head(x + dx, y + dy, dx, dy)}`;
const dot = (x: number, y: number): string => `M${x - 1.5} ${y} a1.5 1.5 0 1 0 3 0 a1.5 1.5 0 1 0 -3 0`;

/** The strokes of a rule; `velocity` colours what the loss takes as given. */
export function strokes(rule: string, velocity: keyof Colours): Stroke[] {
  const path: Stroke = { d: PATH, colour: "ink", dashed: true };
  const map = (d: string): Stroke => ({ d, colour: "ink" });
  const given = (d: string): Stroke => ({ d, colour: velocity });
  switch (rule) {
    case "tangent": return [map(["M5 8 L58 26", "M5 32 L58 14", "M5 20 L58 34"].join(" ")), given(arrow(5, 20, 30, 3))];
    case "direct": return [path, map(arrow(5, 34, 52, -23)), given(dot(58, 10))];
    case "Lagrangian": return [path, map("M5 34 L38 8"), given(arrow(38, 8, 20, -2))];
    case "Eulerian": return [path, map("M5 34 L58 10 L14 20"), given(arrow(5, 34, 10, -17))];
    case "semigroup": return [path, map("M5 34 L58 10"), given(`M5 34 L26 13 L58 10 ${dot(26, 13)}`)];
    case "integral": return [path, map("M5 34 L58 10"), given([arrow(10, 26, 6, -8), arrow(24, 13, 9, -5), arrow(40, 8, 11, 0)].join(" "))];
    case "distributional": return [
      map([[8, 10], [14, 20], [7, 28], [18, 32], [20, 8], [24, 22]].map(([x, y]) => dot(x, y)).join(" ")),
      given([[42, 10], [48, 20], [41, 28], [52, 32], [54, 8], [58, 22]].map(([x, y]) => dot(x, y)).join(" ")),
    ];
    default: throw new Error(`no drawing of the rule ${rule}`);
  }
}

/** As an <svg>, hidden from readers of the page aloud: words beside it say the same. */
export function svg(rule: string, velocity: keyof Colours): SVGSVGElement {
  const make = <K extends keyof SVGElementTagNameMap>(name: K): SVGElementTagNameMap[K] => document.createElementNS("http://www.w3.org/2000/svg", name);
  const root = make("svg");
  root.setAttribute("viewBox", `0 0 ${WIDE} ${TALL}`);
  root.setAttribute("aria-hidden", "true");
  for (const { d, colour, dashed } of strokes(rule, velocity)) {
    const path = make("path");
    path.setAttribute("d", d);
    path.style.stroke = `var(--${colour})`;
    if (dashed) path.setAttribute("stroke-dasharray", "2 3");
    root.append(path);
  }
  return root;
}

/** On a canvas, at the origin of its transformation. */
export function paint(context: CanvasRenderingContext2D, hue: Colours, rule: string, velocity: keyof Colours): void {
  context.lineWidth = 1.8;
  context.lineCap = context.lineJoin = "round";
  for (const { d, colour, dashed } of strokes(rule, velocity)) {
    context.strokeStyle = hue[colour];
    context.setLineDash(dashed ? [2, 3] : []);
    context.stroke(new Path2D(d));
  }
  context.setLineDash([]);
}
