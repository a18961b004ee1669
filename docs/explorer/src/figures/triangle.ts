// The (s, t) triangle of the error of each map: the mean of |X_{s,t}(x_s) - x_t|^2 over exact paths, a panel a method.
import { breathe, find } from "../controls";
import { drawNoise, seeded, type Law, type Point } from "../law";
import { jumps, load, METHODS, type Method } from "../maps";
import { exactPath } from "../path";
import { colours } from "../plane";
import type { Drag } from "./drag";

const CELLS = 10;
const PATHS = 128;
const [LEAST, MOST] = [1e-5, 1e-1];
// Viridis at equal distances: dark is small. Read without hue it is still in order.
const SHADES = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/** The colour of an error on a logarithmic scale. */
function shade(error: number): string {
  const place = Math.min(1, Math.max(0, Math.log(error / LEAST) / Math.log(MOST / LEAST))) * (SHADES.length - 1);
  const [k, share] = [Math.min(SHADES.length - 2, Math.floor(place)), place - Math.min(SHADES.length - 2, Math.floor(place))];
  return `rgb(${SHADES[k].map((value, c) => Math.round(value + share * (SHADES[k + 1][c] - value))).join(" ")})`;
}

export function triangle(figure: HTMLElement, law: Law, above: Drag): void {
  const holder = find<HTMLElement>(figure, ".panels");
  const told = find<HTMLElement>(figure, ".told");
  const times = Array.from({ length: CELLS + 1 }, (_, k) => k / CELLS);
  let paths: Point[][] | undefined;

  async function exactPaths(): Promise<Point[][]> {
    if (paths) return paths;
    const noise = drawNoise(law, PATHS, seeded(3));
    const found: Point[][] = [];
    for (let k = 0; k < PATHS; k++) {
      found.push(exactPath(law, 0, [noise[2 * k], noise[2 * k + 1]], times, 1e-6));
      if (k % 4 === 0) await breathe();
    }
    return (paths = found);
  }

  function panel(method: Method) {
    const root = document.createElement("div");
    root.className = "panel";
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", `Error of ${METHODS[method]} by s and t; arrow keys choose a cell and set s and t of the first figure`);
    const name = document.createElement("p");
    name.textContent = METHODS[method];
    root.append(name, canvas);
    holder.append(root);
    const errors: number[][] = times.map(() => []);
    let chosen: [number, number] | undefined;

    function draw(): void {
      const scale = window.devicePixelRatio || 1;
      const size = Math.round(canvas.clientWidth * scale);
      if (canvas.width !== size) [canvas.width, canvas.height] = [size, size];
      const context = canvas.getContext("2d")!;
      context.fillStyle = colours().paper;
      context.fillRect(0, 0, size, size);
      const side = size / CELLS;
      for (let i = 0; i < CELLS; i++)
        for (let j = i + 1; j <= CELLS; j++) {
          context.fillStyle = errors[i][j] === undefined ? colours().board : shade(errors[i][j]);
          context.fillRect(i * side + 1, size - j * side + 1, side - 2, side - 2);
        }
      if (!chosen) return;
      context.strokeStyle = colours().ink;
      context.lineWidth = 2.5 * scale;
      context.strokeRect(chosen[0] * side, size - chosen[1] * side, side, side);
    }

    function choose(i: number, j: number): void {
      if (i < 0 || j > CELLS || i >= j) return;
      panels.forEach((panel) => panel.forget());
      chosen = [i, j];
      draw();
      above.set(times[i], times[j], method);
      const error = errors[i][j];
      told.textContent = `${METHODS[method]}, s = ${times[i].toFixed(1)}, t = ${times[j].toFixed(1)}: ` +
        (error === undefined ? "not yet computed." : `mean squared error ${error.toExponential(1).replace("e-", " × 10⁻").replace(/⁻(\d)/, (_, d) => "⁻" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[+d])}. Set in the first figure.`);
    }
    canvas.addEventListener("click", (event) => {
      const frame = canvas.getBoundingClientRect();
      choose(Math.floor(((event.clientX - frame.left) / frame.width) * CELLS), CELLS - Math.floor(((event.clientY - frame.top) / frame.height) * CELLS));
    });
    canvas.addEventListener("keydown", (event) => {
      const by: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (!by[event.key]) return;
      event.preventDefault();
      const [i, j] = chosen ?? [0, CELLS + 1];
      choose(i + by[event.key][0], chosen ? j + by[event.key][1] : CELLS);
    });
    new ResizeObserver(draw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

    async function measure(): Promise<void> {
      const [exact, map] = [await exactPaths(), await load(method)];
      for (let i = 0; i < CELLS; i++) {
        const ends = times.map((_, j) => j).filter((j) => j > i);
        for (const j of ends) {
          const [s, t] = [times[i], times[j]].map((time) => new Float32Array(PATHS).fill(time));
          const found = jumps(map, s, t, exact.flatMap((path) => path[i]));
          errors[i][j] = exact.reduce((sum, path, k) => sum + (found[2 * k] - path[j][0]) ** 2 + (found[2 * k + 1] - path[j][1]) ** 2, 0) / PATHS;
          await breathe();
        }
        draw();
      }
    }
    return { measure, forget: () => { chosen = undefined; draw(); } };
  }

  const panels = (Object.keys(METHODS) as Method[]).map(panel);
  new IntersectionObserver(async (seen, observer) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    figure.setAttribute("aria-busy", "true");
    for (const panel of panels) await panel.measure();
    figure.setAttribute("aria-busy", "false");
  }, { rootMargin: "100px" }).observe(figure);
}
