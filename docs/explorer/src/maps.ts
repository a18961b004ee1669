// Trained maps: files of `python -m experiments.export`, evaluated by jax-js in batches of fixed sizes.
import { defaultDevice, init, jit, numpy as np } from "@jax-js/jax";
import * as flow_map from "./flow_map";
import type { Array } from "./flow_map";
import { checkerboard, type Point } from "./law";
import { again, bind, type Params, type Shape } from "./network";

export const METHODS = {
  lsd: "LSD",
  esd: "ESD",
  psd_m: "PSD-M",
  mean_flow: "MeanFlow",
  flow_matching: "Flow matching",
} as const;
export type Method = keyof typeof METHODS;

/** What a file says of its map: the fields that the page reads. */
export interface Card {
  config: {
    dataset: string;
    interpolant: string;
    network: Shape & { kind: string; activation: string; time_embedding: string; time_scale: number; output: string; conditional: boolean };
    objective: { name: string };
  };
  step: number; // updates made
  scores: { rows: Record<string, number | string | null>[] };
}

export interface FlowMap {
  card: Card;
  std: number; // of the data and the noise
  params: Params;
}

/** A number of 16 bits: sign, five bits of exponent, ten of fraction. */
export function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent ? sign * (1 + fraction / 1024) * 2 ** (exponent - 15) : sign * fraction * 2 ** -24;
}

// The numbers of each type that files of the project have.
const READERS: Record<string, (bytes: ArrayBuffer) => Float32Array> = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => Float32Array.from(new Uint16Array(bytes), half),
};

/** The card of a file, and its arrays. */
export function unpacked(content: ArrayBuffer): { card: Card; arrays: Map<string, { shape: number[]; values: Float32Array }> } {
  const length = Number(new DataView(content).getBigUint64(0, true));
  const { __metadata__, ...entries } = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 8, length)));
  const arrays = new Map<string, { shape: number[]; values: Float32Array }>();
  for (const [name, { dtype, shape, data_offsets: [start, end] }] of Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(entries)) {
    if (!READERS[dtype]) throw new Error(`${name}: expected numbers of ${Object.keys(READERS).join(" or ")}, received ${dtype}`);
    arrays.set(name, { shape, values: READERS[dtype](content.slice(8 + length + start, 8 + length + end)) });
  }
  return { card: JSON.parse(__metadata__.flowmap), arrays };
}

let started: Promise<unknown> | undefined;
/** Starts jax-js on WebAssembly, once. */
export function start(): Promise<unknown> {
  started ??= init("wasm").then(() => defaultDevice("wasm"));
  return started;
}

// The maps that come with the project: the build copies their files beside the page.
const FILES = import.meta.glob<string>("../../../experiments/zoo/checkerboard/*.safetensors", { query: "?url", import: "default", eager: true });
const loaded = new Map<Method, Promise<FlowMap>>();
/** The map of a method, fetched once. */
export function load(method: Method): Promise<FlowMap> {
  if (!loaded.has(method)) loaded.set(method, fetchMap(method));
  return loaded.get(method)!;
}

async function fetchMap(method: Method): Promise<FlowMap> {
  const address = FILES[`../../../experiments/zoo/checkerboard/${method}.safetensors`];
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const { card, arrays } = unpacked(await answer.arrayBuffer());
  const { dataset, interpolant, network } = card.config;
  if (dataset !== "checkerboard" || interpolant !== "linear") throw new Error(`${method}: expected a map of the checkerboard on the linear path`);
  const { kind, activation, time_embedding, time_scale, output, conditional, depth } = network;
  if (kind !== "mlp" || activation !== "silu" || time_embedding !== "both" || time_scale !== 1 || output || conditional)
    throw new Error(`${method}: expected an mlp with silu that is told both times and gives a velocity`);
  await start();
  const array = (name: string): Array => {
    const { shape, values } = arrays.get(`network.${name}`)!;
    return np.array(values as Float32Array<ArrayBuffer>).reshape(shape);
  };
  const params = Array.from({ length: depth + 1 }, (_, k) => ({ kernel: array(`Dense_${k}.kernel`), bias: array(`Dense_${k}.bias`) }));
  return { card, std: checkerboard().std, params };
}

/** A score that the file states: of N steps by the map's own sampler, or of perfect samples. */
export function score(map: FlowMap, name: string, steps: number | "perfect"): number {
  const row = map.card.scores.rows.find((row) => (steps === "perfect" ? row.objective === "perfect samples" : row.N === steps))!;
  return Number(row[name]);
}

// Every program is of examples: each input [batch, width], one output [batch, ...].
type Make = (v: flow_map.AverageVelocity, inputs: Array[]) => Array;
type Compiled = (params: Params, inputs: Array[]) => Array;
const compiled = new Map<string, Compiled>();
/** One program for all maps of one shape: weights are arguments. */
function program(name: string, map: FlowMap, make: Make): Compiled {
  if (!compiled.has(name))
    compiled.set(name, jit(((params: Params, inputs: Array[]) => {
      const made = make(bind(map.card.config.network, map.std, params), inputs);
      params.forEach(({ kernel, bias }) => (kernel.dispose(), bias.dispose()));
      return made;
    }) as never) as unknown as Compiled);
  return compiled.get(name)!;
}

const SIZES = [1, 32, 128, 512];
/** A program on any number of examples, in padded batches of a few sizes; inputs of more than one column are points. */
export function inBatches(map: FlowMap, name: string, make: Make, count: number, ...inputs: ArrayLike<number>[]): Float32Array {
  const size = SIZES.find((size) => size >= count) ?? SIZES.at(-1)!;
  const run = program(name, map, make);
  let found = new Float32Array();
  for (let from = 0; from < count; from += size) {
    const made = run(again(map.params), inputs.map((values) => {
      const width = values.length / count;
      const padded = Float32Array.from({ length: size * width }, (_, k) => values[Math.min(from * width + k, values.length - width + (k % width))]);
      return width > 1 ? np.array(padded).reshape([size, width]) : np.array(padded);
    })).dataSync() as Float32Array;
    const columns = made.length / size;
    if (!from) found = new Float32Array(columns * count);
    found.set(made.subarray(0, columns * Math.min(size, count - from)), columns * from);
  }
  return found;
}

/** Flow matching learns velocities alone; its map is one Euler step. */
export const isEuler = (map: FlowMap): boolean => map.card.config.objective.name === "flow_matching";

/** v_{s,t}(x) of the network. */
export function average(map: FlowMap, s: ArrayLike<number>, t: ArrayLike<number>, x: ArrayLike<number>): Float32Array {
  return inBatches(map, "v", (v, [s, t, x]) => v(s, t, x), s.length, s, t, x);
}

/** The jump X_{s,t}(x) of the map. */
export function jumps(map: FlowMap, s: ArrayLike<number>, t: ArrayLike<number>, x: ArrayLike<number>): Float32Array {
  const v = average(map, s, isEuler(map) ? s : t, x);
  return v.map((value, k) => x[k] + (t[k >> 1] - s[k >> 1]) * value);
}

export const at = (found: Float32Array, k = 0): Point => [found[2 * k], found[2 * k + 1]];
/** X_{s,t}(x) of one point. */
export const jump = (map: FlowMap, s: number, t: number, x: Point): Point => at(jumps(map, [s], [t], x));

/** d/dt X_{s,t}(x) of one point. */
export function moveEnd(map: FlowMap, s: number, t: number, x: Point): Point {
  if (isEuler(map)) return at(average(map, [s], [s], x));
  return at(inBatches(map, "d_t", (v, [s, t, x]) => {
    const [mapped, derivative] = flow_map.d_t(v, s, t, x);
    mapped.dispose();
    return derivative;
  }, 1, [s], [t], x));
}

/** d/ds X_{s,t}(x) + grad X_{s,t}(x) . v_{s,s}(x) of one point. */
export function moveStart(map: FlowMap, s: number, t: number, x: Point): Point {
  const euler = isEuler(map);
  return at(inBatches(map, euler ? "d_source of euler" : "d_source", (v, [s, t, x]) => {
    const w = v(s.ref, s.ref, x.ref);
    const own: flow_map.AverageVelocity = euler ? (s, t, x) => (t.dispose(), v(s.ref, s, x)) : v;
    const [mapped, derivative] = flow_map.d_source(own, s, t, x, w);
    mapped.dispose();
    return derivative;
  }, 1, [s], [t], x));
}
