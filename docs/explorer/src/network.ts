// The network of models/networks/mlp.py: v_{s,t}(x) = std * mlp(s, t, x / std) with harmonics of times and points.
import { nn, numpy as np } from "@jax-js/jax";
import type { Array, AverageVelocity } from "./flow_map";

export interface Shape {
  width: number;
  depth: number;
  point_features: number;
  point_base: number;
  time_features: number;
}
export type Params = { kernel: Array; bias: Array }[];

/** sin(k base x_i), cos(k base x_i) for k = 1 .. count. */
function fourier_features(x: Array, count: number, base: number): Array {
  const [batch, dim] = x.shape;
  const harmonics = np.array(Array.from({ length: count }, (_, k) => base * (k + 1)));
  const angles = x.reshape([batch, dim, 1]).mul(harmonics.reshape([1, 1, count])).reshape([batch, dim * count]);
  return np.concatenate([np.sin(angles.ref), np.cos(angles)], -1);
}

/** Parameters as an average velocity; the parameters are not used up. */
export function bind(shape: Shape, std: number, params: Params): AverageVelocity {
  return (s, t, x) => {
    const time = np.stack([s, t], -1);
    const flat = x.mul(1 / std);
    const inputs = [time.ref, flat.ref];
    if (shape.point_features) inputs.push(fourier_features(flat, shape.point_features, shape.point_base));
    else flat.dispose();
    if (shape.time_features) inputs.push(fourier_features(time, shape.time_features, Math.PI));
    else time.dispose();
    let h = np.concatenate(inputs, -1);
    params.forEach(({ kernel, bias }, k) => {
      h = np.matmul(h, kernel.ref).add(bias.ref);
      if (k < params.length - 1) h = nn.silu(h);
    });
    return h.mul(std);
  };
}

/** Parameters once more, for a call that uses them up. */
export const again = (params: Params): Params => params.map(({ kernel, bias }) => ({ kernel: kernel.ref, bias: bias.ref }));

export const inputs = (shape: Shape): number => 4 + 4 * (shape.point_features + shape.time_features);

/** Fresh parameters: LeCun normal, as Flax. */
export function initialize(shape: Shape, normal: () => number): Params {
  const sizes = [inputs(shape), ...new Array<number>(shape.depth).fill(shape.width), 2];
  return sizes.slice(1).map((to, k) => {
    const from = sizes[k];
    const values = Float32Array.from({ length: from * to }, () => normal() / Math.sqrt(from));
    return { kernel: np.array(values).reshape([from, to]), bias: np.zeros([to]) };
  });
}
