// Train it yourself: a law, given or drawn, a method, and the page learns; loss and KL as curves.
import { fillMethods, find, onceAFrame } from "../controls";
import type { Law, Point } from "../law";
import { METHODS, type Method } from "../maps";
import { colours, disc, dots, drawLaw, plane } from "../plane";
import type { Film } from "../saving";
import type { Report, Request } from "../train.worker";

const BLUR = 0.06;
const FEWEST = 5;

/** Points of a curve, blurred, as a law. */
export function lawOf(name: string, places: Point[], width: number): Law {
  const mean = [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / places.length);
  const centred = places.map((place): Point => [place[0] - mean[0], place[1] - mean[1]]);
  const square = centred.reduce((sum, place) => sum + place[0] ** 2 + place[1] ** 2, 0) / (2 * centred.length);
  const reach = Math.max(...centred.flat().map(Math.abs)) + 3 * width;
  return { name, kind: "gaussians", places: centred, width, std: Math.sqrt(square + width ** 2), box: [-reach, reach] };
}

function ring(): Law {
  const angles = Array.from({ length: 8 }, (_, k) => (2 * Math.PI * k) / 8);
  return lawOf("eight_gaussians", angles.map((a): Point => [0.8 * Math.cos(a), 0.8 * Math.sin(a)]), 0.06);
}

function spiral(): Law {
  const angles = Array.from({ length: 200 }, (_, k) => Math.PI * (1 + (3 * (k + 0.5)) / 200));
  return lawOf("spiral", angles.map((a): Point => [(0.9 * a * Math.cos(a)) / (4 * Math.PI), (0.9 * a * Math.sin(a)) / (4 * Math.PI)]), 0.04);
}

export function trainIt(figure: HTMLElement, board: Law): Film {
  const data = find<HTMLSelectElement>(figure, "select[name=data]");
  const method = find<HTMLSelectElement>(figure, "select[name=method]");
  const sampling = find<HTMLSelectElement>(figure, "select[name=sampling]");
  const length = find<HTMLSelectElement>(figure, "select[name=length]");
  const button = find<HTMLButtonElement>(figure, "button[name=train]");
  const told = find<HTMLElement>(figure, ".told");
  let law = board;
  let stroke: Point[] = [];
  let samples = new Float32Array();
  let reports: Report[] = [];
  let shown = Infinity; // how many of them the curves show
  let worker: Worker | undefined;

  const redraw = onceAFrame(draw);
  const on = plane(find(figure, ".holder"), "Data and the samples of the map in training", redraw, 1.4);
  const curves = find<HTMLCanvasElement>(figure, "canvas.curves");
  new ResizeObserver(redraw).observe(curves);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  fillMethods(method, "lsd");

  function draw(): void {
    const context = on.clear();
    if (data.value === "drawn" && stroke.length < FEWEST) {
      for (const point of stroke) disc(on, context, point, 4, colours().ink);
    } else drawLaw(on, context, law);
    dots(on, context, samples, colours().learnt);
    drawCurves();
  }

  function drawCurves(): void {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [curves.clientWidth, curves.clientHeight];
    if (curves.width !== Math.round(width * scale)) [curves.width, curves.height] = [Math.round(width * scale), Math.round(height * scale)];
    const context = curves.getContext("2d")!;
    const hue = colours();
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.fillStyle = hue.paper;
    context.fillRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    const last = Number(length.value);
    const across = (step: number): number => 44 + (step / last) * (width - 60);
    const panel = (top: number, name: string, low: number, high: number, marks: number[], of: (report: Report) => number | undefined, colour: string, level?: number): void => {
      const tall = height / 2 - 44;
      const up = (value: number): number => top + tall - (Math.log(Math.min(high, Math.max(low, value)) / low) / Math.log(high / low)) * tall;
      context.fillStyle = hue.ink;
      context.fillText(name, 44, top - 8);
      context.strokeStyle = hue.faint;
      context.lineWidth = 1;
      for (const mark of marks) {
        context.fillText(String(mark), 8, up(mark) + 4);
        context.beginPath();
        context.moveTo(44, up(mark));
        context.lineTo(width - 16, up(mark));
        context.stroke();
      }
      const path = (points: [number, number][], dash: number[]): void => {
        context.setLineDash(dash);
        context.beginPath();
        points.forEach(([left, value], k) => (k ? context.lineTo(left, up(value)) : context.moveTo(left, up(value))));
        context.stroke();
        context.setLineDash([]);
      };
      context.strokeStyle = colour;
      context.lineWidth = 2;
      path(reports.slice(0, shown).flatMap((report): [number, number][] => {
        const value = of(report);
        return value === undefined || Number.isNaN(value) ? [] : [[across(report.step), value]];
      }), []);
      context.strokeStyle = hue.ink;
      context.lineWidth = 1;
      if (level) path([[44, level], [width - 16, level]], [3, 3]);
    };
    panel(26, "Loss", 0.1, 10, [0.1, 1, 10], (report) => report.loss, hue.tangent);
    panel(26 + height / 2, "KL of the samples; dashed: of perfect ones", 0.03, 10, [0.1, 1, 10], (report) => report.kl, hue.learnt, reports.at(-1)?.floor);
    context.fillStyle = hue.ink;
    context.fillText(`${last} updates`, width - 90, height - 2);
  }

  function choose(): void {
    stop();
    samples = new Float32Array();
    reports = [];
    if (data.value === "checkerboard") law = board;
    if (data.value === "eight_gaussians") law = ring();
    if (data.value === "spiral") law = spiral();
    if (data.value === "drawn") {
      stroke = [];
      told.textContent = "Draw with the pointer on the picture; press Train when it is there.";
    }
    on.canvas.style.touchAction = data.value === "drawn" ? "none" : "";
    redraw();
  }

  const put = (event: PointerEvent): void => {
    if (data.value !== "drawn" || !(event.buttons & 1)) return;
    const frame = on.canvas.getBoundingClientRect();
    const point = on.toPlane([event.clientX - frame.left, event.clientY - frame.top]);
    const before = stroke.at(-1);
    if (before && Math.hypot(point[0] - before[0], point[1] - before[1]) < 0.03) return;
    stroke.push(point);
    if (stroke.length >= FEWEST) law = lawOf("drawn", stroke, BLUR);
    redraw();
  };
  on.canvas.addEventListener("pointerdown", put);
  on.canvas.addEventListener("pointermove", put);

  function stop(): void {
    worker?.terminate();
    worker = undefined;
    button.textContent = "Train";
  }

  function train(): void {
    if (data.value === "drawn" && stroke.length < FEWEST) {
      told.textContent = `Nothing is drawn yet: draw at least ${FEWEST} points on the picture.`;
      return;
    }
    reports = [];
    samples = new Float32Array();
    button.textContent = "Stop";
    told.textContent = "Compiling …";
    worker = new Worker(new URL("../train.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: report }: MessageEvent<Report>) => {
      reports.push(report);
      if (report.samples) samples = report.samples as Float32Array<ArrayBuffer>;
      const scored = reports.findLast((report) => report.kl !== undefined)!;
      told.textContent = `${METHODS[method.value as Method]}: ${report.step} of ${length.value} updates, ${report.seconds.toFixed(0)} s; ` +
        `KL ${scored.kl!.toFixed(3)} by ${sampling.selectedOptions[0].text}, perfect samples ${report.floor.toFixed(3)}.`;
      if (report.done) stop();
      redraw();
    };
    worker.onerror = (event) => {
      told.textContent = `Training stopped: ${event.message}`;
      stop();
    };
    const request: Request = { method: method.value as Method, law, steps: Number(length.value), seed: 0, sampling: Number(sampling.value) };
    worker.postMessage(request);
  }

  button.addEventListener("click", () => (worker ? stop() : train()));
  for (const menu of [data, method, sampling, length]) menu.addEventListener("change", choose);
  choose();

  const scored = (): number[] => reports.flatMap((report, k) => (report.samples ? [k] : []));
  return {
    delay: 160,
    frames: () => scored().length,
    missing: "Nothing has moved yet: press Train first.",
    show: (k) => {
      shown = scored()[k] + 1;
      samples = reports[shown - 1].samples as Float32Array<ArrayBuffer>;
      draw();
    },
    rest: () => {
      shown = Infinity;
      samples = (reports.findLast((report) => report.samples)?.samples ?? new Float32Array()) as Float32Array<ArrayBuffer>;
      draw();
    },
  };
}
