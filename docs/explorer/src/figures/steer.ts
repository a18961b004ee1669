// Steer it: a reward that can be dragged, the two look-aheads of a point, and clouds steered by each beside the tilted law.
import { find, onceAFrame, say, slider, still } from "../controls";
import { BINS, kl } from "../histogram";
import { posterior, seeded, type Law, type Point } from "../law";
import { jump, load, type FlowMap } from "../maps";
import { exactJump, exactPath } from "../path";
import { arrow, circle, colours, disc, dots, drawLaw, handle, label, line, plane, type Colours } from "../plane";
import type { Film } from "../saving";
import type { Steering, SteerReport } from "../steer.worker";
import { COUNT, STEPS } from "../steering";
import { drawTilted, meanReward, reward, tiltedMass, type Reward } from "../tilted";

const TIMES = Array.from({ length: 32 }, (_, k) => k / 31);
const REST = 500; // milliseconds without a change, after which the clouds are steered
const COLOUR: Record<Steering, keyof Colours> = { mean: "tangent", map: "learnt", tilting: "sample" };

export function steer(figure: HTMLElement, law: Law): Film {
  const told = find<HTMLElement>(figure, ".look > .told");
  const given: Reward = { centre: [0.75, 0.75], strength: 8 };
  let map: FlowMap | undefined;
  let x: Point = [0.2, -0.35];
  let time = 0.3;
  let path: Point[] = [];
  let [mean, exact]: Point[] = [x, x];
  let learnt: Point | undefined;
  let mass = tiltedMass(law, given);
  let worker: Worker | undefined;
  let waiting = 0;
  let inView = false;

  const redraw = onceAFrame(draw);
  const on = plane(find(figure, ".look .holder"), "The plane: a reward, a point on its way, and where each look-ahead says that it is heading", redraw, 1.3);
  const centre = handle(on, "Centre of the reward", () => given.centre, (to) => {
    given.centre = to;
    changed();
  });
  const knob = handle(on, "Point x at time t", () => x, (to) => {
    x = to;
    moved();
  });
  const strength = slider(figure, "strength", (value) => {
    given.strength = value;
    changed();
  });
  const when = slider(figure, "t", (t) => {
    x = exactPath(law, time, x, [t])[0]; // along its path
    time = t;
    moved();
  });
  given.strength = strength.value();
  time = when.value();

  const truth = cloud("truth");
  const clouds = (["mean", "map", "tilting"] as const).map((name) => ({ name, ...cloud(name, COLOUR[name]) }));

  function cloud(name: string, colour: keyof Colours = "ink") {
    const root = find<HTMLElement>(figure, `[data-cloud=${name}]`);
    const states: Float32Array[] = [];
    let shown = 0;
    const panel = plane(find(root, ".holder"), `Samples: ${find(root, "h3").textContent}`, onceAFrame(show), 1.3);
    function show(): void {
      const context = panel.clear();
      drawLaw(panel, context, law);
      if (states[shown]) dots(panel, context, states[shown], colours()[colour]);
      circle(panel, context, given.centre, 1 / Math.sqrt(given.strength), colours().sample);
    }
    return {
      states,
      told: find<HTMLElement>(root, ".told"),
      show: (k = states.length - 1) => {
        shown = Math.min(k, states.length - 1);
        show();
      },
    };
  }

  /** The point has moved, or the time: so have the places where it may be heading. */
  function moved(): void {
    path = exactPath(law, time, x, TIMES, 1e-5);
    mean = posterior(law, Math.min(time, 0.999), x).data;
    exact = exactJump(law, time, 1, x, 1e-6);
    learnt = map && jump(map, time, 1, x);
    redraw();
  }

  /** The reward has changed: the target at once, the clouds once it rests. */
  const changed = onceAFrame(() => {
    worker?.terminate();
    worker = undefined;
    mass = tiltedMass(law, given);
    truth.states[0] = drawTilted(law, given, COUNT, seeded(21));
    truth.told.textContent = `Mean reward ${number(meanReward(given, truth.states[0]))}.`;
    truth.show();
    for (const { states, show, told } of clouds) {
      states.length = 0;
      told.textContent = "waits until the reward rests …";
      show();
    }
    clearTimeout(waiting);
    waiting = window.setTimeout(rested, REST);
    draw();
  });

  function rested(): void {
    waiting = 0;
    truth.told.textContent = `KL ${kl(mass, truth.states[0], law).toFixed(3)}, the floor for so few points. Mean reward ${number(meanReward(given, truth.states[0]))}.`;
    if (inView) steerClouds();
  }

  function steerClouds(): void {
    figure.setAttribute("aria-busy", "true");
    for (const { told } of clouds) told.textContent = "waits for its turn …";
    worker = new Worker(new URL("../steer.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { steering, step, points, kl, reward } }: MessageEvent<SteerReport>) => {
      const { states, show, told } = clouds.find(({ name }) => name === steering)!;
      states.push(points);
      if (!still() || step === STEPS) show();
      told.textContent = step < STEPS ? `step ${step} of ${STEPS}` : `KL ${kl!.toFixed(3)}. Mean reward ${number(reward!)}.`;
      if (steering === "tilting" && step === STEPS) figure.setAttribute("aria-busy", "false");
    };
    worker.onerror = (event) => void (told.textContent = `Steering stopped: ${event.message}`);
    worker.postMessage(given);
  }

  function draw(): void {
    const hue = colours();
    const context = on.clear();
    drawLaw(on, context, law);
    drawMass(context, hue.sample);
    for (const k of [1, 2]) circle(on, context, given.centre, k / Math.sqrt(given.strength), hue.sample);
    line(on, context, path, hue.ink, 1.5, [2, 5]);
    const heard = (name: string, end: Point): string => `${name} ${say(end)}, reward ${number(reward(given, end))}`;
    const parts = [heard("the mean of all data it may become is", mean)];
    if (learnt) {
      arrow(on, context, x, learnt, hue.learnt);
      disc(on, context, learnt, 6, hue.learnt, hue.paper);
      label(on, context, learnt, "flow map", hue.learnt, beyond(learnt));
      parts.push(heard("the learnt map ends at", learnt));
    }
    arrow(on, context, x, mean, hue.tangent);
    disc(on, context, mean, 6, hue.tangent, hue.paper);
    label(on, context, mean, "mean", hue.tangent, beyond(mean));
    disc(on, context, exact, 5, hue.paper, hue.ink);
    parts.push(heard("the path ends at", exact));
    disc(on, context, x, 8, hue.ink, hue.paper);
    disc(on, context, given.centre, 8, hue.paper, hue.sample);
    disc(on, context, given.centre, 3, hue.sample);
    label(on, context, given.centre, "reward", hue.sample, given.centre[0] > 0.5 ? [-12, -12] : [12, -12]);
    centre.show();
    knob.show();
    told.textContent = `From ${say(x)} at t = ${time.toFixed(2)}: ${parts.join("; ")}.`;
  }

  /** Where words about the head of an arrow from x do not lie on it, in pixels. */
  const beyond = (end: Point): Point => [end[0] < x[0] ? -12 : 12, end[1] < x[1] ? 18 : -10];

  /** The tilted law, as shades of its bins. */
  function drawMass(context: CanvasRenderingContext2D, colour: string): void {
    const most = Math.max(...mass);
    const [low, high] = law.box;
    const edge = (k: number): number => low + ((high - low) * k) / BINS;
    context.fillStyle = colour;
    mass.forEach((value, k) => {
      if (value < 1e-3 * most) return;
      context.globalAlpha = (0.6 * value) / most;
      const [i, j] = [Math.floor(k / BINS), k % BINS];
      // Whole pixels, so that no seams show between bins.
      const [left, lower] = on.toPixels([edge(i), edge(j)]).map(Math.round);
      const [right, upper] = on.toPixels([edge(i + 1), edge(j + 1)]).map(Math.round);
      context.fillRect(left, upper, right - left, lower - upper);
    });
    context.globalAlpha = 1;
  }

  changed();
  moved();
  void load("lsd").then((loaded) => {
    map = loaded;
    moved();
  });
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    inView = true;
    if (!waiting) steerClouds();
  }, { rootMargin: "100px" }).observe(figure);

  return {
    delay: 140,
    frames: () => (clouds.every(({ states }) => states.length === STEPS + 1) ? STEPS + 1 : 0),
    missing: "The clouds are still on their way: wait until all three have a KL.",
    show: (k) => clouds.forEach(({ show }) => show(k)),
    rest: () => clouds.forEach(({ show }) => show()),
  };
}

const number = (value: number): string => value.toFixed(2).replace("-", "−");
