// Steering towards a reward, as models/steering.py: look-aheads, their gradients, guidance.
import { numpy as np, vjp } from "@jax-js/jax";
import { jump as jumpOf, expand, type Array } from "./flow_map";
import { inBatches, type FlowMap } from "./maps";
import { reward, type Reward } from "./tilted";

export const COUNT = 2048; // points of a cloud
export const STEPS = 24; // from noise to data
export type Look = "mean" | "map";
const CEILING = 25; // of the gain over std^2, which grows like 1 / t at the noise

export interface Known {
  ahead: Float32Array; // where each point is heading, [count * 2]
  value: Float32Array; // h_t(x) = r(ahead), [count]
  gradient: Float32Array; // grad h_t(x), [count * 2]
  velocity: Float32Array; // b_t(x) = v_{t,t}(x), [count * 2]
}

/** The look-ahead of points at one time, its value and gradient, and the velocity: the mean x + (1 - t) b_t(x), or X_{t,1}(x). */
export function known(map: FlowMap, look: Look, given: Reward, t: number, x: Float32Array): Known {
  const count = x.length / 2;
  const columns = (pair: readonly number[]): Float32Array => Float32Array.from(x, (_, k) => pair[k % 2]);
  const found = inBatches(map, `look-ahead by ${look}`, (v, [t, x, centre]: Array[]) => {
    const velocity = v(t.ref, t.ref, x.ref);
    const [ahead, back] = vjp((x: Array) =>
      look === "map"
        ? jumpOf(v, t.ref, np.onesLike(t.ref), x)
        : x.ref.add(expand(np.subtract(1, t.ref)).mul(v(t.ref, t.ref, x))), [x]);
    // r is quadratic: its gradient at the look-ahead is strength (centre - ahead).
    const [pulled] = back(centre.sub(ahead.ref)) as [Array];
    back.dispose();
    t.dispose();
    return np.concatenate([ahead, pulled, velocity], -1);
  }, count, new Float32Array(count).fill(t), x, columns(given.centre));
  const part = (from: number, scale = 1): Float32Array => Float32Array.from(x, (_, k) => scale * found[6 * (k >> 1) + from + (k % 2)]);
  const ahead = part(0);
  const value = Float32Array.from({ length: count }, (_, k) => reward(given, [ahead[2 * k], ahead[2 * k + 1]]));
  return { ahead, value, gradient: part(2, given.strength), velocity: part(4) };
}

/** std^2 (1 - t) / t: velocity per unit of score on the linear path, with a ceiling. */
export const guidanceGain = (t: number, std: number): number => (std ** 2 * (1 - t)) / Math.max(t, 1 / CEILING);

/** One Euler step of b + scale grad h: scale is the gain for the mean, t times it for the map. */
export function guided(map: FlowMap, look: Look, given: Reward, s: number, t: number, x: Float32Array): Float32Array {
  const { gradient, velocity } = known(map, look, given, s, x);
  const scale = (look === "map" ? s : 1) * guidanceGain(s, map.std);
  return x.map((value, k) => value + (t - s) * (velocity[k] + scale * gradient[k]));
}
