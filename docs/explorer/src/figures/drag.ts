// Drag a point, move s and t: the exact path and jump, the learnt jump, the tangent v_{s,s} and the chord v_{s,t}.
import { distance, fillMethods, find, onceAFrame, say, slider, still } from "../controls";
import { interpolantEnds, seeded, velocity, type Law, type Point } from "../law";
import { at, average, jumps, load, type FlowMap, type Method } from "../maps";
import { exactJump, exactPath } from "../path";
import { arrow, colours, disc, drawLaw, handle, label, line, plane } from "../plane";
import type { Film } from "../saving";

const TIMES = Array.from({ length: 32 }, (_, k) => k / 31);
const ENDS = 150;

const PERIOD = 5000; // milliseconds in which t swings from s to 1 and back
const FRAMES = 50;

export interface Drag {
  film: Film;
  set(s: number, t: number, method?: Method): void;
}

export function drag(figure: HTMLElement, law: Law): Drag {
  const menu = find<HTMLSelectElement>(figure, "select[name=method]");
  const why = find<HTMLButtonElement>(figure, "button[name=why]");
  const play = find<HTMLButtonElement>(figure, "button[name=play]");
  const told = find<HTMLElement>(figure, ".told");
  const because = find<HTMLElement>(figure, ".because");
  let map: FlowMap | undefined;
  let x: Point = [-0.9, 1.1];
  let path: Point[] = [];
  let learnt: Point[] = [];
  let ends: Point[] | undefined;
  let moving = false;

  const redraw = onceAFrame(draw);
  const on = plane(find(figure, ".holder"), "The plane: a path from noise to data, its exact end and the learnt one", redraw, 1.4);
  const source = slider(figure, "s", (s) => {
    stop();
    x = exactPath(law, last.s, x, [s])[0];
    if (s > target.value()) target.set(s);
    moved();
  });
  const target = slider(figure, "t", (t) => {
    stop();
    if (t < source.value()) {
      x = exactPath(law, last.s, x, [t])[0];
      source.set(t);
      moved();
    } else {
      if (ends) refreshEnds();
      redraw();
    }
  });
  const last = { s: source.value() };
  const knob = handle(on, "Point x at time s", () => x, (to) => {
    stop();
    x = to;
    moved();
  });

  function refreshEnds(): void {
    ends = interpolantEnds(law, source.value(), target.value(), x, ENDS, seeded(7));
  }

  /** The point, s or the method has changed. */
  function moved(): void {
    last.s = source.value();
    path = exactPath(law, last.s, x, TIMES, 1e-5);
    learn();
    if (ends) refreshEnds();
    redraw();
  }

  function learn(): void {
    if (!map) return;
    const later = TIMES.map((time) => Math.max(time, last.s));
    const found = jumps(map, later.map(() => last.s), later, later.flatMap(() => x));
    learnt = later.map((_, k) => at(found, k));
  }

  function draw(): void {
    const [s, t] = [source.value(), target.value()];
    const hue = colours();
    const context = on.clear();
    drawLaw(on, context, law);
    line(on, context, path, hue.ink, 1.5, [2, 5]);
    const exact = exactJump(law, s, t, x, 1e-6);
    line(on, context, [x, ...path.filter((_, k) => TIMES[k] > s && TIMES[k] < t), exact], hue.ink, 2.5);
    if (ends) {
      for (const end of ends) line(on, context, [x, end], hue.sample, 0.5);
      for (const end of ends) disc(on, context, end, 2.5, hue.sample);
    }
    const b = velocity(law, Math.min(s, 0.999), x);
    const along: Point = [x[0] + (t - s) * b[0], x[1] + (t - s) * b[1]];
    let text = `Exact: from ${say(x)} at s = ${s.toFixed(2)} to ${say(exact)} at t = ${t.toFixed(2)}.`;
    if (map) {
      const jumped = at(jumps(map, [s], [t], x));
      const v_ss = at(average(map, [s], [s], x));
      const v_st = t > s ? [(jumped[0] - x[0]) / (t - s), (jumped[1] - x[1]) / (t - s)] : v_ss;
      const tangent: Point = [x[0] + (t - s) * v_ss[0], x[1] + (t - s) * v_ss[1]];
      line(on, context, [x, ...learnt.filter((_, k) => TIMES[k] > s && TIMES[k] < t), jumped], hue.learnt, 1, [1, 4]);
      arrow(on, context, x, tangent, hue.tangent);
      arrow(on, context, x, jumped, hue.learnt);
      disc(on, context, jumped, 6, hue.learnt, hue.paper);
      if (!ends && distance(tangent, jumped) * on.canvas.clientWidth > 90) label(on, context, tangent, "tangent", hue.tangent, [8, 18]);
      if (!ends) label(on, context, jumped, "learnt jump", hue.learnt, jumped[0] > 0.7 ? [-12, -10] : [12, -10]);
      text += ` Learnt: ${say(jumped)}, off by ${distance(jumped, exact).toFixed(3)}.` +
        ` Velocity at s: ${say(v_ss)}; average velocity from s to t: ${say(v_st)}.`;
    } else arrow(on, context, x, along, hue.tangent);
    disc(on, context, exact, 5, hue.paper, hue.ink);
    if (ends) {
      const mean: Point = [0, 1].map((axis) => ends!.reduce((sum, end) => sum + end[axis], 0) / ends!.length) as Point;
      disc(on, context, mean, 6, hue.sample, hue.paper);
      label(on, context, mean, "average of the samples", hue.sample, mean[0] > 0.3 ? [-12, 18] : [12, 18]);
      label(on, context, exact, "end of the path", hue.ink, exact[0] > 0.5 ? [-12, 5] : [12, 5]);
      text += ` Average end of the samples that pass here: ${say(mean)}.`;
    }
    disc(on, context, x, 8, hue.ink, hue.paper);
    knob.show();
    told.textContent = text;
  }

  menu.addEventListener("change", () => void choose(menu.value as Method));
  async function choose(method: Method): Promise<void> {
    map = await load(method);
    menu.value = method;
    moved();
  }

  why.addEventListener("click", () => {
    const shown = why.getAttribute("aria-pressed") !== "true";
    why.setAttribute("aria-pressed", String(shown));
    because.hidden = !shown;
    if (shown) {
      stop();
      if (target.value() - source.value() < 0.3) target.set(1);
      refreshEnds();
    } else ends = undefined;
    redraw();
  });

  function swingTo(turn: number): void {
    const s = source.value();
    target.set(s + ((1 - s) * (1 - Math.cos(turn * 2 * Math.PI))) / 2);
    if (ends) refreshEnds();
    draw();
  }

  // t swings between s and 1 until something is touched.
  let began = 0;
  function swing(now: number): void {
    if (!moving) return;
    began ||= now;
    swingTo((now - began) / PERIOD);
    requestAnimationFrame(swing);
  }
  function stop(): void {
    moving = false;
    began = 0;
    play.textContent = "Play";
  }
  play.addEventListener("click", () => {
    if (moving) return stop();
    moving = true;
    play.textContent = "Pause";
    requestAnimationFrame(swing);
  });

  fillMethods(menu, "lsd");
  moved();
  if (!still() && figure.offsetParent) play.click();
  void choose("lsd");
  let before: number | undefined;
  return {
    film: {
      delay: PERIOD / FRAMES,
      frames: () => FRAMES,
      missing: "",
      show: (k) => {
        if (!k) {
          before = target.value();
          stop();
        }
        swingTo((k + 1) / FRAMES);
      },
      rest: () => {
        if (before !== undefined) target.set(before);
        moved();
      },
    },
    set: (s, t, method) => {
      stop();
      x = exactPath(law, last.s, x, [s])[0];
      source.set(s);
      target.set(t);
      if (method && method !== menu.value) void choose(method);
      moved();
    },
  };
}
