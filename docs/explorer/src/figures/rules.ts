// Three rules as three handles; the residual of the chosen map is the arrow between the two sides of each rule.
import { distance, fillMethods, find, onceAFrame, say, slider } from "../controls";
import type { Law, Point } from "../law";
import { at, average, jump, jumps, load, moveEnd, moveStart, type FlowMap, type Method } from "../maps";
import { exactPath } from "../path";
import { arrow, colours, disc, drawLaw, handle, label, line, plane, type Plane } from "../plane";

const TIMES = Array.from({ length: 32 }, (_, k) => k / 31);
const SCALE = 0.3; // velocities are drawn this long, or they leave the picture
const along = (x: Point, w: Point, scale = SCALE): Point => [x[0] + scale * w[0], x[1] + scale * w[1]];
const minus = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1]];

export function rules(figure: HTMLElement, law: Law): void {
  const menu = find<HTMLSelectElement>(figure, "select[name=method]");
  let map: FlowMap | undefined;
  let x: Point = [1.1, 0.2];
  let path: Point[] = [];

  interface Panel {
    on: Plane;
    value(): number;
    told: HTMLElement;
    knob: { show(): void };
    curve: Point[];
    draw(panel: { on: Plane; curve: Point[] }, context: CanvasRenderingContext2D, map: FlowMap, value: number): string;
    learn(map: FlowMap): Point[];
  }
  const many = (time: number): number[] => TIMES.map(() => time);
  const points = (found: Float32Array): Point[] => TIMES.map((_, k) => at(found, k));
  const hue = colours;

  const panels: Panel[] = [
    panel("lagrangian", {
      learn: (map) => points(jumps(map, many(0), TIMES, TIMES.flatMap(() => x))),
      draw({ on, curve }, context, map, t) {
        const end = jump(map, 0, t, x);
        const moves = moveEnd(map, 0, t, x);
        const should = at(average(map, [t], [t], end));
        line(on, context, curve, hue().learnt, 1.5);
        arrow(on, context, end, along(end, should), hue().tangent);
        arrow(on, context, end, along(end, moves), hue().learnt);
        residual(on, context, along(end, should), along(end, moves));
        disc(on, context, end, 6, hue().learnt, hue().paper);
        return `The end moves with ${say(moves)}; the velocity there is ${say(should)}. Residual ${distance(moves, should).toFixed(3)}.`;
      },
    }),
    panel("eulerian", {
      learn: (map) => points(jumps(map, TIMES, many(1), path.flat())),
      draw({ on, curve }, context, map, s) {
        const k = Math.round(s * 31);
        const start = exactPath(law, TIMES[k], path[k], [s], 1e-5)[0];
        const end = jump(map, s, 1, start);
        const moves = moveStart(map, s, 1, start);
        line(on, context, path, hue().ink, 1.5, [2, 5]);
        line(on, context, curve, hue().learnt, 1.5);
        line(on, context, [start, end], hue().learnt, 2.5);
        residual(on, context, end, along(end, moves));
        disc(on, context, start, 6, hue().ink, hue().paper);
        disc(on, context, end, 6, hue().learnt, hue().paper);
        const spread = Math.max(...curve.map((point) => distance(point, curve[31])));
        return `The end drifts with ${say(moves)}; it should rest. Residual ${Math.hypot(...moves).toFixed(3)}; over all starts the end strays by up to ${spread.toFixed(3)}.`;
      },
    }),
    panel("semigroup", {
      learn: (map) => {
        const middles = jumps(map, many(0), TIMES, TIMES.flatMap(() => x));
        return points(jumps(map, TIMES, many(1), middles));
      },
      draw({ on, curve }, context, map, u) {
        const middle = jump(map, 0, u, x);
        const [one, two] = [jump(map, 0, 1, x), jump(map, u, 1, middle)];
        line(on, context, curve, hue().tangent, 1.5);
        line(on, context, [x, one], hue().learnt, 2.5);
        line(on, context, [x, middle, two], hue().tangent, 2.5);
        residual(on, context, two, one);
        disc(on, context, middle, 6, hue().tangent, hue().paper);
        disc(on, context, two, 6, hue().tangent, hue().paper);
        disc(on, context, one, 6, hue().learnt, hue().paper);
        return `One jump ends at ${say(one)}, two at ${say(two)}. Residual ${distance(one, two).toFixed(3)}.`;
      },
    }),
  ];

  function residual(on: Plane, context: CanvasRenderingContext2D, from: Point, to: Point): void {
    arrow(on, context, from, to, hue().sample, 3.5);
    if (Math.hypot(...minus(to, from)) > 0.12) label(on, context, to, "residual", hue().sample, [8, 16]);
  }

  function panel(name: string, made: Pick<Panel, "draw" | "learn">): Panel {
    const root = find<HTMLElement>(figure, `[data-rule=${name}]`);
    const redraw = onceAFrame(() => show(whole));
    const on = plane(find(root, ".holder"), `The ${name} rule on the plane`, redraw, 1.3);
    const control = slider(root, find<HTMLInputElement>(root, "input").name, redraw);
    const knob = handle(on, `Start of the path, ${name} rule`, () => x, (to) => {
      x = to;
      moved();
    });
    const whole: Panel = { on, value: control.value, told: find(root, ".told"), knob, curve: [], ...made };
    return whole;
  }

  function show(panel: Panel): void {
    const context = panel.on.clear();
    drawLaw(panel.on, context, law);
    if (map && panel.curve.length) panel.told.textContent = panel.draw(panel, context, map, panel.value());
    disc(panel.on, context, x, 8, hue().ink, hue().paper);
    panel.knob.show();
  }

  const moved = onceAFrame(() => {
    path = exactPath(law, 0, x, TIMES, 1e-5);
    for (const panel of panels) {
      if (map) panel.curve = panel.learn(map);
      show(panel);
    }
  });

  menu.addEventListener("change", () => void choose(menu.value as Method));
  async function choose(method: Method): Promise<void> {
    map = await load(method);
    moved();
  }
  fillMethods(menu, "flow_matching"); // its residuals are long: what the arrow means is seen at once
  moved();
  void choose("flow_matching");
}
