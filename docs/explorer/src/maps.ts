// Trained maps: files of `python -m experiments.export_explorer`, evaluated by jax-js in batches of fixed sizes.
import { defaultDevice, init, jit, numpy as np } from "@jax-js/jax";
import * as flow_map from "./flow_map";
import type { Array } from "./flow_map";
import type { Law, Point } from "./law";
import { again, bind, type Params, type Shape } from "./network";

export const METHODS = {
  lsd: "LSD",
  esd: "ESD",
  psd_m: "PSD-M",
  mean_flow: "MeanFlow",
  flow_matching: "Flow matching",
} as const;
export type Method = keyof typeof METHODS;

export interface Card {
  network: Shape & { activation: string; time_embedding: string; time_scale: number };
  output: string;
  std: number;
  interpolant: string;
  data: Law;
  method: string;
  sampler: string;
  steps: number;
  scores: Record<string, Record<string, number>>;
  command: string;
}

export interface FlowMap {
  card: Card;
  params: Params;
}

/** A float16 as a number. */
function half(bits: number): number {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** The card of a file, and its arrays in single precision. */
export function unpacked(content: ArrayBuffer): { card: Card; arrays: Map<string, { shape: number[]; values: Float32Array }> } {
  const view = new DataView(content);
  const length = Number(view.getBigUint64(0, true));
  const { __metadata__, ...entries } = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 8, length)));
  const arrays = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, entry] of Object.entries<{ shape: number[]; data_offsets: [number, number] }>(entries)) {
    const [start, end] = entry.data_offsets;
    const values = Float32Array.from({ length: (end - start) / 2 }, (_, k) =>
      half(view.getUint16(8 + length + start + 2 * k, true)));
    arrays.set(name, { shape: entry.shape, values });
  }
  return { card: JSON.parse(__metadata__.flow_map), arrays };
}

let started: Promise<unknown> | undefined;
/** Starts jax-js on WebAssembly, once. */
export function start(): Promise<unknown> {
  started ??= init("wasm").then(() => defaultDevice("wasm"));
  return started;
}

const loaded = new Map<Method, Promise<FlowMap>>();
/** The map of a method, fetched once. */
export function load(method: Method): Promise<FlowMap> {
  if (!loaded.has(method)) loaded.set(method, fetchMap(method));
  return loaded.get(method)!;
}

async function fetchMap(method: Method): Promise<FlowMap> {
  const answer = await fetch(`./maps/${method}.safetensors`);
  if (!answer.ok) throw new Error(`maps/${method}.safetensors: ${answer.status}`);
  const { card, arrays } = unpacked(await answer.arrayBuffer());
  const { activation, time_embedding, time_scale, depth } = card.network;
  if (activation !== "silu" || time_embedding !== "both" || time_scale !== 1 || card.output !== "velocity")
    throw new Error(`${method}: expected an mlp with silu that is told both times and gives a velocity`);
  await start();
  const array = (name: string): Array => np.array(arrays.get(name)!.values).reshape(arrays.get(name)!.shape);
  const params = Array.from({ length: depth + 1 }, (_, k) => ({ kernel: array(`Dense_${k}.kernel`), bias: array(`Dense_${k}.bias`) }));
  return { card, params };
}

type Compiled = (params: Params, s: Array, t: Array, x: Array) => Array;
const compiled = new Map<string, Compiled>();
/** One program for all maps of one shape: weights are arguments. */
function program(name: string, card: Card, make: (v: flow_map.AverageVelocity) => (s: Array, t: Array, x: Array) => Array): Compiled {
  if (!compiled.has(name))
    compiled.set(name, jit(((params: Params, s: Array, t: Array, x: Array) => {
      const made = make(bind(card.network, card.std, params))(s, t, x);
      params.forEach(({ kernel, bias }) => (kernel.dispose(), bias.dispose()));
      return made;
    }) as never) as unknown as Compiled);
  return compiled.get(name)!;
}

const SIZES = [1, 32, 128, 512];
/** f(s, t, x) for any number of examples, in padded batches of a few sizes. */
function inBatches(map: FlowMap, name: string, make: Parameters<typeof program>[2], s: ArrayLike<number>, t: ArrayLike<number>, x: ArrayLike<number>): Float32Array {
  const count = s.length;
  const size = SIZES.find((size) => size >= count) ?? SIZES.at(-1)!;
  const found = new Float32Array(2 * count);
  const run = program(name, map.card, make);
  for (let from = 0; from < count; from += size) {
    const padded = (values: ArrayLike<number>, width: number): Float32Array =>
      Float32Array.from({ length: size * width }, (_, k) => values[Math.min(from * width + k, values.length - width + (k % width))]);
    const made = run(again(map.params), np.array(padded(s, 1)), np.array(padded(t, 1)), np.array(padded(x, 2)).reshape([size, 2]));
    found.set((made.dataSync() as Float32Array).subarray(0, 2 * Math.min(size, count - from)), 2 * from);
  }
  return found;
}

/** v_{s,t}(x) of the network. */
export function average(map: FlowMap, s: ArrayLike<number>, t: ArrayLike<number>, x: ArrayLike<number>): Float32Array {
  return inBatches(map, "v", (v) => v, s, t, x);
}

/** The jump X_{s,t}(x) of the map; flow matching learns velocities alone, and its map is one Euler step. */
export function jumps(map: FlowMap, s: ArrayLike<number>, t: ArrayLike<number>, x: ArrayLike<number>): Float32Array {
  const v = average(map, s, map.card.sampler === "euler" ? s : t, x);
  return v.map((value, k) => x[k] + (t[k >> 1] - s[k >> 1]) * value);
}

export const at = (found: Float32Array, k = 0): Point => [found[2 * k], found[2 * k + 1]];
/** X_{s,t}(x) of one point. */
export const jump = (map: FlowMap, s: number, t: number, x: Point): Point => at(jumps(map, [s], [t], x));

const isEuler = (map: FlowMap): boolean => map.card.sampler === "euler";
/** d/dt X_{s,t}(x) of one point. */
export function moveEnd(map: FlowMap, s: number, t: number, x: Point): Point {
  if (isEuler(map)) return at(average(map, [s], [s], x));
  return at(inBatches(map, "d_t", (v) => (s, t, x) => {
    const [mapped, derivative] = flow_map.d_t(v, s, t, x);
    mapped.dispose();
    return derivative;
  }, [s], [t], x));
}

/** d/ds X_{s,t}(x) + grad X_{s,t}(x) . v_{s,s}(x) of one point. */
export function moveStart(map: FlowMap, s: number, t: number, x: Point): Point {
  const euler = isEuler(map);
  return at(inBatches(map, euler ? "d_source of euler" : "d_source", (v) => (s, t, x) => {
    const w = v(s.ref, s.ref, x.ref);
    const own: flow_map.AverageVelocity = euler ? (s, t, x) => (t.dispose(), v(s.ref, s, x)) : v;
    const [mapped, derivative] = flow_map.d_source(own, s, t, x, w);
    mapped.dispose();
    return derivative;
  }, [s], [t], x));
}
