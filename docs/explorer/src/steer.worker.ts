// Steers clouds beside the page: noise to data in equal steps, one method after another.
import { kl } from "./histogram";
import { checkerboard, drawNoise, seeded } from "./law";
import { load, type FlowMap } from "./maps";
import { COUNT, guided, STEPS, type Look } from "./steering";
import { meanReward, tiltedMass, type Reward } from "./tilted";
import { tilting } from "./tilting";

export type Steering = Look | "tilting";
export interface SteerReport { steering: Steering; step: number; points: Float32Array; kl?: number; reward?: number }

function* guidance(map: FlowMap, look: Look, given: Reward, noise: Float32Array): Generator<Float32Array> {
  let x = noise;
  yield x;
  for (let k = 0; k < STEPS; k++) yield (x = guided(map, look, given, k / STEPS, (k + 1) / STEPS, x));
}

self.onmessage = async ({ data: given }: MessageEvent<Reward>) => {
  const law = checkerboard();
  const map = await load("lsd");
  const mass = tiltedMass(law, given);
  const noise = drawNoise(law, COUNT, seeded(11));
  const runs: [Steering, Generator<Float32Array>][] = [
    ["mean", guidance(map, "mean", given, noise)],
    ["map", guidance(map, "map", given, noise)],
    ["tilting", tilting(map, given, noise, STEPS, seeded(12))],
  ];
  for (const [steering, states] of runs) {
    let step = 0;
    for (const points of states) {
      const scores = step === STEPS ? { kl: kl(mass, points, law), reward: meanReward(given, points) } : {};
      self.postMessage({ steering, step: step++, points, ...scores } satisfies SteerReport);
    }
  }
};
