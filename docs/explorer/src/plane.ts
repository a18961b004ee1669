// A square canvas that shows the plane, handles that can be dragged or moved by arrow keys, and colours of the page.
import type { Law, Point } from "./law";

export interface Colours {
  ink: string;
  faint: string;
  paper: string;
  board: string;
  learnt: string;
  tangent: string;
  sample: string;
}

/** The colours of the page, light or dark. */
export function colours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: read("ink"), faint: read("faint"), paper: read("paper"), board: read("board"),
    learnt: read("learnt"), tangent: read("tangent"), sample: read("sample"),
  };
}

export interface Plane {
  canvas: HTMLCanvasElement;
  holder: HTMLElement;
  radius: number; // the plane shows [-radius, radius]^2
  toPixels(x: Point): Point;
  toPlane(pixels: Point): Point;
  clear(): CanvasRenderingContext2D;
}

/** A canvas for the plane inside an element; `redraw` is called when its size or the colours change. */
export function plane(holder: HTMLElement, label: string, redraw: () => void, radius = 1.55): Plane {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  holder.classList.add("plane");
  holder.append(canvas);
  const made: Plane = {
    canvas,
    holder,
    radius,
    toPixels: (x) => {
      const size = canvas.clientWidth;
      return [((x[0] + radius) / (2 * radius)) * size, ((radius - x[1]) / (2 * radius)) * size];
    },
    toPlane: (pixels) => {
      const size = canvas.clientWidth;
      return [(pixels[0] / size) * 2 * radius - radius, radius - (pixels[1] / size) * 2 * radius];
    },
    clear: () => {
      const scale = window.devicePixelRatio || 1;
      const size = Math.round(canvas.clientWidth * scale);
      if (canvas.width !== size) [canvas.width, canvas.height] = [size, size];
      const context = canvas.getContext("2d")!;
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.fillStyle = colours().paper;
      context.fillRect(0, 0, size, size);
      return context;
    },
  };
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  return made;
}

/** The law of the data, as areas. */
export function drawLaw(on: Plane, context: CanvasRenderingContext2D, law: Law): void {
  context.fillStyle = colours().board;
  for (const place of law.places) {
    if (law.kind === "squares") {
      const [left, top] = on.toPixels([place[0], place[1] + law.width]);
      const side = (law.width / (2 * on.radius)) * on.canvas.clientWidth;
      context.fillRect(left, top, side, side);
    } else disc(on, context, place, ((2 * law.width) / (2 * on.radius)) * on.canvas.clientWidth);
  }
}

export function line(on: Plane, context: CanvasRenderingContext2D, points: Point[], colour: string, width = 2, dash: number[] = []): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineJoin = context.lineCap = "round";
  context.setLineDash(dash);
  context.beginPath();
  points.forEach((point, k) => {
    const [left, top] = on.toPixels(point);
    if (k) context.lineTo(left, top);
    else context.moveTo(left, top);
  });
  context.stroke();
  context.setLineDash([]);
}

export function disc(on: Plane, context: CanvasRenderingContext2D, x: Point, radius: number, fill?: string, ring?: string): void {
  const [left, top] = on.toPixels(x);
  context.beginPath();
  context.arc(left, top, radius, 0, 2 * Math.PI);
  if (fill) context.fillStyle = fill;
  context.fill();
  if (!ring) return;
  context.strokeStyle = ring;
  context.lineWidth = 2;
  context.stroke();
}

/** A cloud of points, [count * 2]. */
export function dots(on: Plane, context: CanvasRenderingContext2D, points: Float32Array, colour: string): void {
  const scale = on.canvas.clientWidth / (2 * on.radius);
  context.fillStyle = colour;
  context.globalAlpha = 0.55;
  for (let k = 0; k < points.length; k += 2)
    context.fillRect((points[k] + on.radius) * scale - 0.7, (on.radius - points[k + 1]) * scale - 0.7, 1.5, 1.5);
  context.globalAlpha = 1;
}

export function circle(on: Plane, context: CanvasRenderingContext2D, x: Point, radius: number, colour: string): void {
  const [left, top] = on.toPixels(x);
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.arc(left, top, (radius / (2 * on.radius)) * on.canvas.clientWidth, 0, 2 * Math.PI);
  context.stroke();
}

export function arrow(on: Plane, context: CanvasRenderingContext2D, from: Point, to: Point, colour: string, width = 2.5): void {
  const [a, b] = [on.toPixels(from), on.toPixels(to)];
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  if (length < 1) return;
  const head = Math.min(11, 0.6 * length);
  const [dx, dy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  context.lineCap = "butt";
  context.beginPath();
  context.moveTo(a[0], a[1]);
  context.lineTo(b[0] - 0.8 * head * dx, b[1] - 0.8 * head * dy);
  context.stroke();
  context.beginPath();
  context.moveTo(b[0], b[1]);
  context.lineTo(b[0] - head * dx - 0.45 * head * dy, b[1] - head * dy + 0.45 * head * dx);
  context.lineTo(b[0] - head * dx + 0.45 * head * dy, b[1] - head * dy - 0.45 * head * dx);
  context.fill();
}

/** Words beside a point, on a ground of the colour of the paper. */
export function label(on: Plane, context: CanvasRenderingContext2D, x: Point, text: string, colour: string, off: Point = [10, -10]): void {
  context.font = "500 13px system-ui, sans-serif";
  const size = on.canvas.clientWidth;
  const [left, top] = on.toPixels(x);
  const width = context.measureText(text).width;
  const at: Point = [
    Math.min(size - width - 6, Math.max(6, off[0] < 0 ? left + off[0] - width : left + off[0])),
    Math.min(size - 8, Math.max(16, top + off[1])),
  ];
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = colours().paper;
  context.strokeText(text, at[0], at[1]);
  context.fillStyle = colour;
  context.fillText(text, at[0], at[1]);
}

/** A handle over the plane: dragged by the pointer, moved by arrow keys (ten times as far with Shift). */
export function handle(on: Plane, name: string, place: () => Point, move: (x: Point) => void): { show(): void } {
  const button = document.createElement("button");
  button.className = "handle";
  button.type = "button";
  button.setAttribute("aria-label", `${name}; move it by arrow keys`);
  on.holder.append(button);
  const within = (x: Point): Point => [0, 1].map((axis) => Math.max(-on.radius + 0.05, Math.min(on.radius - 0.05, x[axis]))) as Point;
  const show = (): void => {
    const [left, top] = on.toPixels(place());
    button.style.transform = `translate(${left}px, ${top}px)`;
    button.title = `(${place().map((value) => value.toFixed(2)).join(", ")})`;
  };
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    button.focus();
  });
  button.addEventListener("pointermove", (event) => {
    if (!button.hasPointerCapture(event.pointerId)) return;
    const frame = on.canvas.getBoundingClientRect();
    move(within(on.toPlane([event.clientX - frame.left, event.clientY - frame.top])));
  });
  button.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.01;
    const by: Record<string, Point> = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (!by[event.key]) return;
    event.preventDefault();
    const [x, y] = place();
    move(within([x + by[event.key][0], y + by[event.key][1]]));
  });
  return { show };
}
