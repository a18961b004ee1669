// One step to sixteen: thousands of points through a map by one of three samplers, their KL beside its floor.
import { breathe, fillMethods, find, onceAFrame } from "../controls";
import { draw as drawData, drawNoise, normal, seeded, type Law } from "../law";
import { binMass, floor, kl } from "../histogram";
import { average, isEuler, jumps, load, METHODS, score, type FlowMap, type Method } from "../maps";
import { colours, dots, drawLaw, plane } from "../plane";
import type { Film } from "../saving";

const COUNT = 4096;
const CHUNK = 512;
const SAMPLERS = { composition: "jumps", renoising: "jumps to the data and back", euler: "Euler steps" } as const;
type Sampler = keyof typeof SAMPLERS;

/** Carries a chunk of points from time s to time t, or, re-noising, to the data and back to t. */
function step(map: FlowMap, sampler: Sampler, s: number, t: number, x: Float32Array, noise: () => number): Float32Array {
  const [from, to, end] = [s, t, 1].map((time) => new Float32Array(x.length / 2).fill(time));
  if (sampler === "euler") {
    const b = average(map, from, from, x);
    return x.map((value, k) => value + (t - s) * b[k]);
  }
  if (sampler === "composition") return jumps(map, from, to, x);
  const data = jumps(map, from, end, x);
  return t < 1 ? data.map((value) => t * value + (1 - t) * map.std * noise()) : data;
}

export function steps(figure: HTMLElement, law: Law): Film {
  const mass = binMass(law);
  const perfect = floor(mass, law, COUNT);
  const noise = drawNoise(law, COUNT, seeded(1));
  const count = find<HTMLSelectElement>(figure, "select[name=steps]");
  const clouds = (["left", "right"] as const).map((side) => cloud(find(figure, `[data-cloud=${side}]`), side));

  function cloud(root: HTMLElement, side: string) {
    const method = find<HTMLSelectElement>(root, "select[name=method]");
    const sampler = find<HTMLSelectElement>(root, "select[name=sampler]");
    const told = find<HTMLElement>(root, ".told");
    let states = [noise]; // after each step
    let shown = 0;
    let run = 0;
    const on = plane(find(root, ".holder"), `Samples, ${side} cloud`, onceAFrame(draw), 1.3);
    fillMethods(method, side === "left" ? "flow_matching" : "lsd");
    for (const [name, shown] of Object.entries(SAMPLERS)) sampler.add(new Option(shown, name));

    function draw(): void {
      const context = on.clear();
      drawLaw(on, context, law);
      dots(on, context, states[shown], side === "left" ? colours().tangent : colours().learnt);
    }

    function show(k: number): void {
      shown = Math.min(k, states.length - 1);
      draw();
    }

    async function sample(): Promise<void> {
      const own = ++run;
      told.textContent = "drawing …";
      const map = await load(method.value as Method);
      const steps = Number(count.value);
      const random = seeded(2);
      let now = noise;
      states = [now];
      show(0);
      for (let k = 0; k < steps; k++) {
        const next = now.slice();
        for (let from = 0; from < 2 * COUNT; from += 2 * CHUNK) {
          next.set(step(map, sampler.value as Sampler, k / steps, (k + 1) / steps, now.subarray(from, from + 2 * CHUNK), () => normal(random)), from);
          await breathe();
          if (own !== run) return;
        }
        now = next;
        states.push(now);
        show(k + 1);
      }
      const known = sampler.value === (isEuler(map) ? "euler" : "composition") ? score(map, "kl", steps) : undefined;
      told.textContent =
        `${METHODS[method.value as Method]}, ${steps} ${steps === 1 ? "step" : "steps"}: KL ${kl(mass, now, law).toFixed(3)}; perfect samples have ${perfect.toFixed(3)}.` +
        (known === undefined ? "" : ` With 64,000 samples and finer bins: ${known.toFixed(3)}, perfect ${score(map, "kl", "perfect").toFixed(3)}.`);
    }
    method.addEventListener("change", () => {
      if (method.value === "flow_matching") sampler.value = "euler";
      else if (sampler.value === "euler") sampler.value = "composition";
      void sample();
    });
    sampler.addEventListener("change", () => void sample());
    if (side === "left") sampler.value = "euler";
    return { sample, show, taken: () => states.length - 1 };
  }

  count.addEventListener("change", () => clouds.forEach((cloud) => void cloud.sample()));
  find<HTMLButtonElement>(figure, "button[name=perfect]").addEventListener("click", () => {
    const value = kl(mass, drawData(law, COUNT, seeded(Math.floor(Math.random() * 1e9))), law);
    find<HTMLOutputElement>(figure, "output[name=perfect]").value = `KL of ${COUNT.toLocaleString("en")} fresh perfect samples: ${value.toFixed(3)}`;
  });
  // Samples are drawn once the figure comes into view.
  new IntersectionObserver((seen, observer) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    clouds.forEach((cloud) => void cloud.sample());
  }, { rootMargin: "200px" }).observe(figure);

  return {
    delay: 700,
    frames: () => (clouds.every(({ taken }) => taken() === Number(count.value)) ? Number(count.value) + 1 : 0),
    missing: "The samples are still being drawn: wait until both have a KL.",
    show: (k) => clouds.forEach(({ show }) => show(k)),
    rest: () => clouds.forEach(({ show, taken }) => show(taken())),
  };
}
