// Losses as in objectives/losses/*.py, under their names: one squared residual per example.
import { lax, numpy as np } from "@jax-js/jax";
import * as flow_map from "./flow_map";
import { expand, type Array, type AverageVelocity, type Velocity } from "./flow_map";

const sg = lax.stopGradient;
const squared_norm = (x: Array): Array => np.sum(np.square(x), -1);

/** |v_{t,t}(I_t) - dI_t|^2 */
export function flow_matching(v: AverageVelocity, x_t: Array, t: Array, velocity: Array): Array {
  return squared_norm(v(t.ref, t, x_t).sub(velocity));
}

/** |d/dt X_{s,t}(I_s) - sg[b_t(sg[X])]|^2: LSD with b = diagonal(v). */
export function lagrangian(v: AverageVelocity, b: Velocity, x_s: Array, s: Array, t: Array): Array {
  const [mapped, d_mapped] = flow_map.d_t(v, s, t.ref, x_s);
  const velocity = sg(b(t, sg(mapped)));
  return squared_norm(d_mapped.sub(velocity));
}

/** |d/ds X + grad X . sg[w]|^2: ESD with w = v_{s,s}(I_s), its "velocity" form. */
export function eulerian(v: AverageVelocity, x_s: Array, s: Array, t: Array, velocity: Array): Array {
  const [mapped, residual] = flow_map.d_source(v, s, t, x_s, sg(velocity));
  mapped.dispose();
  return squared_norm(residual);
}

/** |v_{s,t} - sg[w + (t - s) D_s[w] v]|^2: MeanFlow with w = dI_s, the "target" form of the Eulerian loss. */
export function mean_flow(v: AverageVelocity, x_s: Array, s: Array, t: Array, velocity: Array): Array {
  const gap = expand(t.ref.sub(s.ref));
  const [average, derivative] = flow_map.total_derivative(v, s, t, x_s, velocity.ref);
  return squared_norm(average.sub(sg(velocity.add(gap.mul(derivative)))));
}

/** |v_{s,t} - sg[(v_{s,u}(I_s) + v_{u,t}(X_{s,u}(I_s))) / 2]|^2 at the midpoint u: PSD-M. */
export function progressive(v: AverageVelocity, x_s: Array, s: Array, t: Array): Array {
  const u = s.ref.add(t.ref).mul(0.5);
  const first = v(s.ref, u.ref, x_s.ref);
  const middle = x_s.ref.add(expand(u.ref.sub(s.ref)).mul(first.ref));
  const second = v(u, t.ref, middle);
  const target = first.add(second).mul(0.5);
  return squared_norm(v(s, t, x_s).sub(sg(target)));
}
