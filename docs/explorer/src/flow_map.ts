// The algebra of a flow map, as taxonomy/flow_map.py: X and its derivatives from any average velocity v(s, t, x).
// jax-js counts references: a function uses up its arguments, and `.ref` keeps one for a further use.
import { jvp, numpy as np } from "@jax-js/jax";

export type Array = np.Array;
export type AverageVelocity = (s: Array, t: Array, x: Array) => Array; // s, t [batch], x [batch, 2]
export type Velocity = (t: Array, x: Array) => Array;

/** Times [batch] against points [batch, 2]. */
export const expand = (time: Array): Array => time.reshape([-1, 1]);

/** X_{s,t}(x) = x + (t - s) v_{s,t}(x). */
export function jump(v: AverageVelocity, s: Array, t: Array, x: Array): Array {
  return x.ref.add(expand(t.ref.sub(s.ref)).mul(v(s, t, x)));
}

/** b_t(x) = v_{t,t}(x). */
export const diagonal = (v: AverageVelocity): Velocity => (t, x) => v(t.ref, t, x);

/** (X, d/dt X), one jvp. */
export function d_t(v: AverageVelocity, s: Array, t: Array, x: Array): [Array, Array] {
  const ones = np.onesLike(t.ref);
  return jvp((t: Array) => jump(v, s, t, x), [t], [ones]) as [Array, Array];
}

/** (X, d/ds X), x held fixed, one jvp. */
export function d_s(v: AverageVelocity, s: Array, t: Array, x: Array): [Array, Array] {
  const ones = np.onesLike(s.ref);
  return jvp((s: Array) => jump(v, s, t, x), [s], [ones]) as [Array, Array];
}

/** (X, grad X . w), one jvp. */
export function advect(v: AverageVelocity, s: Array, t: Array, x: Array, w: Array): [Array, Array] {
  return jvp((x: Array) => jump(v, s, t, x), [x], [w]) as [Array, Array];
}

/** (X, d/ds X + grad X . w): the source moves in time and along w, one jvp. */
export function d_source(v: AverageVelocity, s: Array, t: Array, x: Array, w: Array): [Array, Array] {
  const ones = np.onesLike(s.ref);
  return jvp((s: Array, x: Array) => jump(v, s, t.ref, x), [s, x], [ones, w]) as [Array, Array];
}

/** (v_{s,t}(x), d/ds v + grad v . w), one jvp. */
export function total_derivative(v: AverageVelocity, s: Array, t: Array, x: Array, w: Array): [Array, Array] {
  const ones = np.onesLike(s.ref);
  return jvp((s: Array, x: Array) => v(s, t.ref, x), [s, x], [ones, w]) as [Array, Array];
}
