// The tilted law p_1(x) e^{r(x)} / Z for r(x) = -strength |x - centre|^2 / 2 and data uniform on squares: in closed form,
// because the factor and every square are products of their axes.
import { BINS, binMass } from "./histogram";
import { logMean, type Law, type Point } from "./law";

export interface Reward {
  centre: Point;
  strength: number; // 1 / width^2
}

/** r(x). */
export const reward = ({ centre, strength }: Reward, x: ArrayLike<number>): number =>
  (-strength * ((x[0] - centre[0]) ** 2 + (x[1] - centre[1]) ** 2)) / 2;

/** log E[e^{r}] of one axis, up to a constant, for y uniform on [low, low + side]. */
const axisLog = ({ centre, strength }: Reward, axis: number, low: number, side: number): number =>
  logMean(centre[axis], 1 / Math.sqrt(strength), low, side);

/** Positive numbers from their logarithms, with sum 1. */
export function normalized(logs: ArrayLike<number>): Float64Array {
  const most = Array.prototype.reduce.call(logs, (a, b) => Math.max(a as number, b as number), -Infinity) as number;
  const shares = Float64Array.from(logs, (log) => Math.exp(log - most));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share) => share / total);
}

/** The exact mass of each bin, [BINS * BINS]; a bin is inside a square or outside of all. */
export function tiltedMass(law: Law, given: Reward): Float64Array {
  const [low, high] = law.box;
  const side = (high - low) / BINS;
  const logs = [0, 1].map((axis) => Array.from({ length: BINS }, (_, k) => axisLog(given, axis, low + k * side, side)));
  return normalized(binMass(law).map((mass, k) => Math.log(mass) + logs[0][Math.floor(k / BINS)] + logs[1][k % BINS]));
}

/** count exact samples, [count * 2]: a square by its weight, then each axis by rejection. */
export function drawTilted(law: Law, given: Reward, count: number, random: () => number): Float32Array {
  const shares = normalized(law.places.map((place) => axisLog(given, 0, place[0], law.width) + axisLog(given, 1, place[1], law.width)));
  let sum = 0;
  const edges = shares.map((share) => (sum += share));
  const points = new Float32Array(2 * count);
  for (let k = 0; k < count; k++) {
    const pick = random() * sum;
    const place = law.places[edges.findIndex((edge) => edge >= pick)];
    for (const axis of [0, 1]) {
      const centre = given.centre[axis];
      const nearest = Math.min(place[axis] + law.width, Math.max(place[axis], centre));
      for (;;) {
        const y = place[axis] + law.width * random();
        if (Math.log(random()) > (given.strength * ((nearest - centre) ** 2 - (y - centre) ** 2)) / 2) continue;
        points[2 * k + axis] = y;
        break;
      }
    }
  }
  return points;
}

/** The mean of r over points. */
export function meanReward(given: Reward, points: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < points.length; k += 2) sum += reward(given, [points[k], points[k + 1]]);
  return (2 * sum) / points.length;
}
