// Training in the page: one method, one law, a small network, Adam; each loss is that of losses.ts.
import { jit, numpy as np, valueAndGrad } from "@jax-js/jax";
import { diagonal, expand, type Array, type AverageVelocity } from "./flow_map";
import { draw, drawNoise, normal, seeded, type Law } from "./law";
import * as losses from "./losses";
import { METHODS, type Method } from "./maps";
import { again, bind, initialize, type Params, type Shape } from "./network";

export const SHAPE = (law: Law): Shape => ({
  width: 64,
  depth: 3,
  point_features: 4,
  point_base: (Math.PI / 2) * law.std, // a period of 4, twice the board
  time_features: 2,
});
export const BATCH = 512;
const DIAGONAL = 384; // three quarters, as in the published self-distillation
const RATE = 1.5e-2;
const DECAY = 0.99;

interface Draw { x0: Array; x1: Array; s: Array; t: Array }
const times = (batch: Draw): [Array, Array] => [batch.s, batch.t];

/** The linear interpolant at the source times, and its velocity. */
const source = ({ x0, x1, s }: Draw): Array => expand(s.ref).mul(x1.ref).add(expand(np.subtract(1, s.ref)).mul(x0.ref));
const sample_velocity = ({ x0, x1 }: Draw): Array => x1.ref.sub(x0.ref);

/** Each method's rule for jumps. Flow matching has none. */
const RULES: Record<Method, ((v: AverageVelocity, x_s: Array, s: Array, t: Array, dI: Array) => Array) | undefined> = {
  flow_matching: undefined,
  lsd: (v, x_s, s, t, dI) => (dI.dispose(), losses.lagrangian(v, diagonal(v), x_s, s, t)),
  esd: (v, x_s, s, t, dI) => {
    dI.dispose();
    const own = diagonal(v)(s.ref, x_s.ref);
    return losses.eulerian(v, x_s, s, t, own);
  },
  psd_m: (v, x_s, s, t, dI) => (dI.dispose(), losses.progressive(v, x_s, s, t)),
  mean_flow: (v, x_s, s, t, dI) => losses.mean_flow(v, x_s, s, t, dI),
};

/** The loss of a batch in one or two parts: flow matching on the diagonal, and the rule on jumps. */
export function loss(method: Method, v: AverageVelocity, [flow, jumps]: Draw[]): Array {
  const [x_t, dI] = [source(flow), sample_velocity(flow)];
  let total = np.mean(losses.flow_matching(v, x_t, flow.s.ref, dI));
  const rule = RULES[method];
  if (rule) {
    const [s, t] = times(jumps);
    total = total.add(np.mean(rule(v, source(jumps), s.ref, t.ref, sample_velocity(jumps))));
  }
  for (const batch of rule ? [flow, jumps] : [flow]) [batch.x0, batch.x1, batch.s, batch.t].forEach((array) => array.dispose());
  return total;
}

/** Noise, data and times: on the diagonal, or uniform on the triangle s <= t. */
function drawBatch(law: Law, count: number, random: () => number, onDiagonal: boolean): Draw {
  const points = (values: Float32Array): Array => np.array(values).reshape([count, 2]);
  const [s, t] = [new Float32Array(count), new Float32Array(count)];
  for (let k = 0; k < count; k++) {
    const pair = [random(), random()].sort((a, b) => a - b);
    [s[k], t[k]] = onDiagonal ? [pair[k % 2], pair[k % 2]] : pair;
  }
  return { x0: points(drawNoise(law, count, random)), x1: points(draw(law, count, random)), s: np.array(s), t: np.array(t) };
}

export interface Training {
  /** One update; the loss. */
  step(): number;
  /** Samples by equal jumps of the averaged weights, or Euler steps for flow matching. */
  sample(noise: Float32Array, steps: number): Float32Array;
}

export function training(method: Method, law: Law, steps: number, seed: number): Training {
  if (!(method in METHODS)) throw new Error(`unknown method ${method}`);
  const random = seeded(seed);
  const shape = SHAPE(law);
  let params = initialize(shape, () => normal(random));
  const zeros = (): Params => params.map(({ kernel, bias }) => ({ kernel: np.zerosLike(kernel.ref), bias: np.zerosLike(bias.ref) }));
  let [first, second, average] = [zeros(), zeros(), again(params)];
  let done = 0;

  const gradient = valueAndGrad(((params: Params, batches: Draw[]) => {
    const found = loss(method, bind(shape, law.std, params), batches);
    params.forEach(({ kernel, bias }) => (kernel.dispose(), bias.dispose()));
    return found;
  }) as never) as unknown as (params: Params, batches: Draw[]) => [Array, Params];

  interface State { params: Params; first: Params; second: Params; average: Params }
  // Adam with the bias corrections in the two rates, and an average of the weights.
  const update = jit(((state: State, batches: Draw[], rate: Array, scale: Array, decay: Array) => {
    const [value, slopes] = gradient(again(state.params), batches);
    const next: State = { params: [], first: [], second: [], average: [] };
    slopes.forEach((slope, k) => {
      const layer = { params: {}, first: {}, second: {}, average: {} } as Record<keyof State, Params[number]>;
      for (const kind of ["kernel", "bias"] as const) {
        const g = slope[kind];
        const m = state.first[k][kind].mul(0.9).add(g.ref.mul(0.1));
        const v = state.second[k][kind].mul(0.99).add(np.square(g).mul(0.01));
        const p = state.params[k][kind].sub(m.ref.mul(rate.ref).div(np.sqrt(v.ref.mul(scale.ref)).add(1e-8)));
        layer.average[kind] = state.average[k][kind].mul(decay.ref).add(p.ref.mul(np.subtract(1, decay.ref)));
        [layer.first[kind], layer.second[kind], layer.params[kind]] = [m, v, p];
      }
      for (const name of ["params", "first", "second", "average"] as const) next[name].push(layer[name]);
    });
    [rate, scale, decay].forEach((array) => array.dispose());
    return [value, next];
  }) as never) as unknown as (...given: unknown[]) => [Array, State];

  const velocity = jit(((params: Params, s: Array, t: Array, x: Array) => {
    const made = bind(shape, law.std, params)(s, t, x);
    params.forEach(({ kernel, bias }) => (kernel.dispose(), bias.dispose()));
    return made;
  }) as never) as unknown as (params: Params, s: Array, t: Array, x: Array) => Array;

  return {
    step() {
      done++;
      const batches = RULES[method]
        ? [drawBatch(law, DIAGONAL, random, true), drawBatch(law, BATCH - DIAGONAL, random, false)]
        : [drawBatch(law, BATCH, random, true)];
      // Warmed up over 20 updates, then down along a cosine.
      const warm = RATE * Math.min(1, done / 20) * (0.02 + 0.49 * (1 + Math.cos((Math.PI * done) / steps)));
      const numbers = [warm / (1 - 0.9 ** done), 1 / (1 - 0.99 ** done), Math.min(DECAY, (1 + done) / (10 + done))];
      const [value, next] = update({ params, first, second, average }, batches, ...numbers.map((number) => np.array(number)));
      ({ params, first, second, average } = next);
      return (value.dataSync() as Float32Array)[0];
    },
    sample(noise, steps) {
      const count = noise.length / 2;
      let x = noise;
      for (let k = 0; k < steps; k++) {
        const time = (value: number): Array => np.array(new Float32Array(count).fill(value));
        const end = method === "flow_matching" ? k / steps : (k + 1) / steps;
        const v = velocity(again(average), time(k / steps), time(end), np.array(x).reshape([count, 2])).dataSync() as Float32Array;
        x = x.map((value, j) => value + v[j] / steps);
      }
      return x;
    },
  };
}
