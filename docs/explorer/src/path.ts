// The exact flow map: the path of dx/dt = b_t(x), by the method of Dormand and Prince with steps that fit a tolerance.
import { velocity, type Law, type Point } from "./law";

const STAGES = [
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const TIMES = [1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1];
// Fifth order minus fourth.
const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
const UNTIL = 1 - 1e-9; // at t = 1 itself the velocity off the data is infinite

/** X_{s,t}(x) of the exact flow; t < s goes back. */
export function exactJump(law: Law, s: number, t: number, x: Point, tolerance = 1e-7): Point {
  let time = Math.min(s, UNTIL);
  const end = Math.min(t, UNTIL);
  let point: Point = [x[0], x[1]];
  let slope = velocity(law, time, point);
  let step = (end - time) / 4;
  for (let tries = 0; tries < 5000 && time !== end; tries++) {
    if (Math.abs(step) > Math.abs(end - time)) step = end - time;
    const slopes = [slope];
    let next = point;
    for (let k = 0; k < 6; k++) {
      next = [point[0], point[1]];
      STAGES[k].forEach((share, j) => {
        next[0] += step * share * slopes[j][0];
        next[1] += step * share * slopes[j][1];
      });
      slopes.push(velocity(law, Math.min(UNTIL, Math.max(0, time + TIMES[k] * step)), next));
    }
    const off = [0, 1].map((axis) => step * ERROR.reduce((sum, share, j) => sum + share * slopes[j][axis], 0));
    const error = Math.hypot(off[0], off[1]) / tolerance;
    if (error <= 1 || Math.abs(step) < 1e-12) {
      time = step === end - time ? end : time + step;
      point = next;
      slope = slopes[6]; // the last stage is the first of the next step
    }
    step *= Math.min(5, Math.max(0.2, 0.9 * Math.max(error, 1e-10) ** -0.2));
  }
  return point;
}

/** The path through x at time s, at increasing times. */
export function exactPath(law: Law, s: number, x: Point, times: number[], tolerance = 1e-6): Point[] {
  const path: Point[] = new Array(times.length);
  let [time, point]: [number, Point] = [s, x];
  times.forEach((t, k) => {
    if (t < s) return;
    point = exactJump(law, time, t, point, tolerance);
    path[k] = point;
    time = t;
  });
  [time, point] = [s, x];
  for (let k = times.length - 1; k >= 0; k--) {
    if (times[k] >= s) continue;
    point = exactJump(law, time, times[k], point, tolerance);
    path[k] = point;
    time = times[k];
  }
  return path;
}
