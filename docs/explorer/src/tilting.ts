// Flow map trajectory tilting, as models/tilting.py: points that jump, carry weights, are resampled, and diffuse.
import { normal } from "./law";
import { jumps, type FlowMap } from "./maps";
import { known, type Known } from "./steering";
import { normalized, type Reward } from "./tilted";

const STRENGTH = 0.7; // of the diffusion, in units of std sqrt(2 (1 - t))
const THRESHOLD = 0.5; // effective share of the points below which they are resampled

/** Systematic resampling: indices, each about count times its weight. */
export function systematic(logs: Float64Array, random: () => number): Int32Array {
  const weights = normalized(logs);
  const shift = random();
  let [next, sum] = [0, weights[0]];
  return Int32Array.from(logs, (_, k) => {
    while (next < logs.length - 1 && sum <= (k + shift) / logs.length) sum += weights[++next];
    return next;
  });
}

/** (sum w)^2 / (n sum w^2). */
export const effectiveShare = (logs: Float64Array): number =>
  1 / (logs.length * normalized(logs).reduce((sum, weight) => sum + weight ** 2, 0));

const taken = (x: Float32Array, order: Int32Array): Float32Array => Float32Array.from(x, (_, k) => x[2 * order[k >> 1] + (k % 2)]);

/** Points at times k / steps, k = 0 .. steps; of equal weight at the last one. */
export function* tilting(map: FlowMap, given: Reward, noise: Float32Array, steps: number, random: () => number): Generator<Float32Array> {
  const count = noise.length / 2;
  let x = noise;
  let logs = new Float64Array(count);
  let values = known(map, "map", given, 0, x).value;
  yield x;
  for (let k = 0; k < steps; k++) {
    const [s, t] = [k / steps, (k + 1) / steps];
    const times = (time: number): Float32Array => new Float32Array(count).fill(time);
    x = jumps(map, times(s), times(t), x);
    // The value is constant along the path: dA = r(X_{s,1}(x)) (t - s).
    logs = logs.map((log, j) => log + (t - s) * values[j]);
    if (k === steps - 1) {
      yield taken(x, systematic(logs, random));
      return;
    }
    if (effectiveShare(logs) < THRESHOLD) {
      x = taken(x, systematic(logs, random));
      logs.fill(0);
    }
    [x, values] = diffused(map, given, t, t - s, x, random);
    yield x;
  }
}

/** One Langevin step at time t for p_t e^{t h_t}, accepted by the rule of Metropolis and Hastings; points and their values. */
function diffused(map: FlowMap, given: Reward, t: number, gap: number, x: Float32Array, random: () => number): [Float32Array, Float32Array] {
  const half = (STRENGTH * map.std) ** 2 * (1 - t) * gap;
  const here = known(map, "map", given, t, x);
  const score = (x: Float32Array, { velocity }: Known): Float32Array =>
    x.map((value, j) => (t * velocity[j] - value) / ((1 - t) * map.std ** 2));
  const drifted = (own: Float32Array, { gradient }: Known): Float32Array => own.map((value, j) => value + t * gradient[j]);
  const own = score(x, here);
  const drift = drifted(own, here);
  const move = drift.map((value) => half * value + Math.sqrt(2 * half) * normal(random));
  const moved = x.map((value, j) => value + move[j]);
  const there = known(map, "map", given, t, moved);
  const ownThere = score(moved, there);
  const driftThere = drifted(ownThere, there);
  const [points, values] = [x.slice(), here.value.slice()];
  for (let k = 0; k < values.length; k++) {
    let ratio = t * (there.value[k] - here.value[k]);
    for (const j of [2 * k, 2 * k + 1])
      ratio += ((own[j] + ownThere[j]) * move[j]) / 2 +
        ((move[j] - half * drift[j]) ** 2 - (move[j] + half * driftThere[j]) ** 2) / (4 * half);
    if (Math.log(random()) >= ratio) continue;
    points.set([moved[2 * k], moved[2 * k + 1]], 2 * k);
    values[k] = there.value[k];
  }
  return [points, values];
}
