// KL(target || samples) between the exact mass of each bin and a histogram, as aligned_kl of experiments/metrics.
import { draw, normalCdf, seeded, type Law } from "./law";

export const BINS = 24; // a multiple of 4, in line with the squares; half of Python's 48, for a tenth of its samples

/** The exact mass of each bin of the box, [BINS * BINS]. */
export function binMass(law: Law): Float64Array {
  const [low, high] = law.box;
  const edge = (k: number): number => low + ((high - low) * k) / BINS;
  const share = (k: number, place: number): number =>
    law.kind === "squares"
      ? Math.max(0, Math.min(edge(k + 1), place + law.width) - Math.max(edge(k), place)) / law.width
      : normalCdf((edge(k + 1) - place) / law.width) - normalCdf((edge(k) - place) / law.width);
  const mass = new Float64Array(BINS * BINS);
  for (const [left, lower] of law.places) {
    const across = Array.from({ length: BINS }, (_, k) => share(k, left));
    const along = Array.from({ length: BINS }, (_, k) => share(k, lower));
    for (let i = 0; i < BINS; i++)
      if (across[i]) for (let j = 0; j < BINS; j++) mass[i * BINS + j] += (across[i] * along[j]) / law.places.length;
  }
  return mass;
}

/** Nats; about (occupied bins) / 2n for n perfect samples. An empty bin counts as half a sample. */
export function kl(mass: Float64Array, samples: Float32Array, law: Law): number {
  const [low, high] = law.box;
  const counts = new Float64Array(BINS * BINS);
  for (let k = 0; k < samples.length; k += 2) {
    const [i, j] = [0, 1].map((axis) => Math.floor(((samples[k + axis] - low) / (high - low)) * BINS));
    if (i >= 0 && i < BINS && j >= 0 && j < BINS) counts[i * BINS + j]++;
  }
  const total = samples.length / 2;
  return mass.reduce((sum, m, k) => (m > 0 ? sum + m * Math.log((m * total) / Math.max(counts[k], 0.5)) : sum), 0);
}

/** The KL of perfect samples of the same number. */
export const floor = (mass: Float64Array, law: Law, count: number): number => kl(mass, draw(law, count, seeded(99)), law);
