// Trains beside the page, so that everything else on it stays quick.
import { binMass, floor, kl } from "./histogram";
import { drawNoise, seeded, type Law } from "./law";
import { start, type Method } from "./maps";
import { training } from "./train";

export interface Request { method: Method; law: Law; steps: number; seed: number; sampling: number }
export interface Report { step: number; loss: number; kl?: number; floor: number; samples?: Float32Array; seconds: number; done: boolean }

const COUNT = 2048;

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  await start();
  const { method, law, steps, seed, sampling } = data;
  const mass = binMass(law);
  const lowest = floor(mass, law, COUNT);
  const noise = drawNoise(law, COUNT, seeded(5));
  const trained = training(method, law, steps, seed);
  const began = performance.now();
  let mean = 0;
  for (let step = 0; step <= steps; step++) {
    const value = step ? trained.step() : NaN;
    mean = step <= 1 ? value : 0.95 * mean + 0.05 * value;
    const scored = step % (sampling > 4 ? 50 : 25) === 0;
    if (!scored && step % 5) continue;
    const samples = scored ? trained.sample(noise, sampling) : undefined;
    const report: Report = {
      step, loss: mean, samples, kl: samples && kl(mass, samples, law), floor: lowest,
      seconds: (performance.now() - began) / 1000, done: step === steps,
    };
    self.postMessage(report);
  }
};
