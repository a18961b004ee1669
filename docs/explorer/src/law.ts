// The law of the data and, in closed form, the velocity of the linear path from noise to it:
//   I_t = (1 - t) x0 + t x1,   b_t(x) = E[x1 - x0 | I_t = x].
// A law is an equal mixture of squares or of round Gaussians. taxonomy/exact_data.py and taxonomy/exact.py derive these.

export type Point = [number, number];

export interface Law {
  name: string;
  kind: "squares" | "gaussians";
  places: Point[]; // lower corners of squares, centres of Gaussians
  width: number; // side of a square, standard deviation of a Gaussian
  std: number; // of all coordinates, and of the noise
  box: [number, number]; // what histograms cover
}

/** Uniform on the 8 even squares of a 4 x 4 board on [-1, 1]^2, as taxonomy.exact_planar.checkerboard. */
export function checkerboard(): Law {
  const squares = Array.from({ length: 16 }, (_, k): Point => [Math.floor(k / 4), k % 4]).filter(([i, j]) => (i + j) % 2 === 0);
  const places = squares.map(([i, j]): Point => [i / 2 - 1, j / 2 - 1]);
  return { name: "checkerboard", kind: "squares", places, width: 0.5, std: Math.sqrt(1 / 3), box: [-1, 1] };
}

// Chebyshev coefficients of log(erfc(z) exp(z^2) / t) in t = 2 / (2 + z): Numerical Recipes, 3rd ed., Sec. 6.2.2.
const ERFC = [
  -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3, -9.46595344482036e-4,
  3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6, 1.30365583558e-6, 1.5626441722e-8,
  -8.5238095915e-8, 6.529054439e-9, 5.059343495e-9, -9.91364156e-10, -2.27365122e-10, 9.6467911e-11, 2.394038e-12,
  -6.886027e-12, 8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15, -1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17,
];

/** erfc(z) exp(z^2) for z >= 0. */
function scaledErfc(z: number): number {
  const t = 2 / (2 + z);
  const y = 4 * t - 2;
  let d = 0;
  let dd = 0;
  for (let j = ERFC.length - 1; j > 0; j--) [d, dd] = [y * d - dd + ERFC[j], d];
  return t * Math.exp(0.5 * (ERFC[0] + y * d) - dd);
}

/** log Phi(-p), the logarithm of the upper tail of a standard normal. */
export function logTail(p: number): number {
  const z = p / Math.SQRT2;
  return z >= 0 ? Math.log(scaledErfc(z) / 2) - z * z : Math.log1p(-scaledErfc(-z) * Math.exp(-z * z) / 2);
}

/** Phi(p). */
export const normalCdf = (p: number): number => Math.exp(logTail(-p));

const LOG_2PI = Math.log(2 * Math.PI);
const logDensity = (z: number): number => -(z * z + LOG_2PI) / 2;

// Gauss-Legendre nodes and weights on [0, 1], eight points.
const HALF = [
  [0.1834346424956498, 0.362683783378362],
  [0.525532409916329, 0.3137066458778873],
  [0.7966664774136267, 0.2223810344533745],
  [0.9602898564975363, 0.1012285362903763],
];
const NODES = HALF.flatMap(([x, w]) => [[(1 - x) / 2, w / 2], [(1 + x) / 2, w / 2]]);
const NARROW = 1.5;

/** Of z = (x - beta y) / spread with y uniform on [low, low + side]: [log E phi(z), mean of z, mean of y] given x. */
function truncated(x: number, beta: number, spread: number, low: number, side: number): [number, number, number] {
  const high = low + side;
  const off = Math.abs(x - (beta * (low + high)) / 2) / spread;
  if (beta * side * (1 + off) < NARROW * spread) {
    // Across a narrow square the density changes by little: the one in its middle is taken out.
    const most = logDensity((x - beta * (low + side / 2)) / spread);
    let [mass, noise, data] = [0, 0, 0];
    for (const [node, weight] of NODES) {
      const y = low + side * node;
      const z = (x - beta * y) / spread;
      const share = weight * Math.exp(logDensity(z) - most);
      mass += share;
      noise += share * z;
      data += share * y;
    }
    return [Math.log(mass) + most, noise / mass, data / mass];
  }
  const a = (x - beta * high) / spread;
  const c = (x - beta * low) / spread;
  const mirrored = a + c < 0; // so that [p, q] lies where the tails are small
  const [p, q] = mirrored ? [-c, -a] : [a, c];
  const densities = Math.exp((-(q - p) * (q + p)) / 2); // phi(q) / phi(p)
  const hazard = Math.exp(logDensity(p) - logTail(p));
  const tails = Math.exp(logTail(q) - logTail(p));
  const noise = ((mirrored ? -1 : 1) * hazard * (1 - densities)) / (1 - tails);
  const data = Math.min(high, Math.max(low, (x - spread * noise) / beta));
  return [logTail(p) + Math.log1p(-tails) - Math.log(q - p), noise, data];
}

/** log E[phi((x - y) / spread)] for y uniform on [low, low + side]. */
export const logMean = (x: number, spread: number, low: number, side: number): number => truncated(x, 1, spread, low, side)[0];

// The squares share their columns and rows: of each axis, the distinct lower ends, and the one of each square.
const ends = new WeakMap<Law, { lows: number[]; of: number[] }[]>();
function endsOf(law: Law): { lows: number[]; of: number[] }[] {
  if (!ends.has(law))
    ends.set(law, [0, 1].map((axis) => {
      const lows = [...new Set(law.places.map((place) => place[axis]))];
      return { lows, of: law.places.map((place) => lows.indexOf(place[axis])) };
    }));
  return ends.get(law)!;
}

/** E[x0 | I_t = x] and E[x1 | I_t = x]. */
export function posterior(law: Law, t: number, x: Point): { noise: Point; data: Point } {
  const spread = Math.max((1 - t) * law.std, 1e-70);
  const terms: { log: number; noise: Point; data: Point }[] = [];
  if (law.kind === "squares") {
    const [across, along] = endsOf(law);
    const columns = across.lows.map((low) => truncated(x[0], t, spread, low, law.width));
    const rows = along.lows.map((low) => truncated(x[1], t, spread, low, law.width));
    law.places.forEach((_, k) => {
      const [u, v] = [columns[across.of[k]], rows[along.of[k]]];
      terms.push({ log: u[0] + v[0], noise: [u[1], v[1]], data: [u[2], v[2]] });
    });
  } else {
    const variance = spread ** 2 + (t * law.width) ** 2;
    for (const [left, lower] of law.places) {
      const off: Point = [x[0] - t * left, x[1] - t * lower];
      const toData = (t * law.width ** 2) / variance;
      const toNoise = spread / variance;
      terms.push({
        log: -(off[0] ** 2 + off[1] ** 2) / (2 * variance),
        noise: [toNoise * off[0], toNoise * off[1]],
        data: [left + toData * off[0], lower + toData * off[1]],
      });
    }
  }
  const most = Math.max(...terms.map((term) => term.log));
  let total = 0;
  const noise: Point = [0, 0];
  const data: Point = [0, 0];
  for (const term of terms) {
    const share = Math.exp(term.log - most);
    total += share;
    for (const axis of [0, 1]) {
      noise[axis] += share * term.noise[axis];
      data[axis] += share * term.data[axis];
    }
  }
  const scale = law.std / total;
  return { noise: [scale * noise[0], scale * noise[1]], data: [data[0] / total, data[1] / total] };
}

/** b_t(x) = E[x1 - x0 | I_t = x]. */
export function velocity(law: Law, t: number, x: Point): Point {
  const { noise, data } = posterior(law, t, x);
  return [data[0] - noise[0], data[1] - noise[1]];
}

/** A standard normal number. */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A generator of uniform numbers from a seed: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** count examples of the data, [count * 2]. */
export function draw(law: Law, count: number, random: () => number): Float32Array {
  const points = new Float32Array(2 * count);
  for (let k = 0; k < count; k++) {
    const place = law.places[Math.floor(random() * law.places.length)];
    for (const axis of [0, 1])
      points[2 * k + axis] = place[axis] + law.width * (law.kind === "squares" ? random() : normal(random));
  }
  return points;
}

/** count examples of the noise, [count * 2]. */
export function drawNoise(law: Law, count: number, random: () => number): Float32Array {
  return Float32Array.from({ length: 2 * count }, () => law.std * normal(random));
}

/** Ends at time t of interpolants that pass through x at time s, by resampling of many examples: count points. */
export function interpolantEnds(law: Law, s: number, t: number, x: Point, count: number, random: () => number): Point[] {
  const many = draw(law, 6000, random);
  const spread = Math.max(1e-3, (1 - s) * law.std);
  const logs = Float64Array.from({ length: 6000 }, (_, k) =>
    -((x[0] - s * many[2 * k]) ** 2 + (x[1] - s * many[2 * k + 1]) ** 2) / (2 * spread ** 2));
  const most = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  const cumulative = logs.map((log) => (total += Math.exp(log - most)));
  return Array.from({ length: count }, (_, k) => {
    const found = cumulative.findIndex((value) => value >= ((k + random()) / count) * total);
    const data: Point = [many[2 * found], many[2 * found + 1]];
    const left = (1 - t) / Math.max(1e-6, 1 - s); // x0 = (x - s x1) / (1 - s)
    return [left * (x[0] - s * data[0]) + t * data[0], left * (x[1] - s * data[1]) + t * data[1]];
  });
}
