// What every figure has: an address, a picture to keep, and where something moves, an animation.

export interface Film {
  delay: number; // milliseconds a frame
  frames(): number;
  missing: string; // what to do while there are none
  show(frame: number): void;
  rest(): void; // as it was
}

const WIDEST = 720; // pixels of an animation
const GAP = 24; // between canvases
const LAST = 8; // times as long is the last frame seen

/** Gives a figure its buttons and its link. */
export function dress(figure: HTMLElement, own: { film?: Film; picture?: () => HTMLCanvasElement } = {}): void {
  const tools = document.createElement("p");
  tools.className = "tools";
  const told = document.createElement("span");
  told.setAttribute("role", "status");
  const button = (text: string, click: () => void): HTMLButtonElement => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", click);
    tools.append(made);
    return made;
  };
  button("Save as PNG", () => (own.picture?.() ?? sideBySide(figure)).toBlob((blob) => download(blob!, `flow-map-${figure.id}.png`)));
  const { film } = own;
  if (film) {
    const save = button("Save as animation", async () => {
      if (!film.frames()) return void (told.textContent = film.missing);
      save.disabled = true;
      try {
        download(await animation(figure, film, (text) => (told.textContent = text)), `flow-map-${figure.id}.gif`);
        told.textContent = "";
      } catch (error) {
        told.textContent = `The animation was not saved: ${error instanceof Error ? error.message : error}`;
      } finally {
        film.rest();
        save.disabled = false;
      }
    });
  }
  const address = document.createElement("a");
  address.href = `#${figure.id}`;
  address.textContent = "Link to this figure";
  tools.append(address, told);
  figure.append(tools);
}

/** The canvases of a figure, rows as they lie on the page, at most so wide. */
function sideBySide(figure: HTMLElement, widest = Infinity): HTMLCanvasElement {
  const shown = [...figure.querySelectorAll("canvas")].filter((canvas) => canvas.width && canvas.offsetParent);
  const rows: HTMLCanvasElement[][] = [];
  for (const canvas of shown) {
    const top = canvas.getBoundingClientRect().top;
    const row = rows.find(([first]) => Math.abs(first.getBoundingClientRect().top - top) < 40);
    if (row) row.push(canvas);
    else rows.push([canvas]);
  }
  const widthOf = (row: HTMLCanvasElement[]): number => row.reduce((sum, { width }) => sum + width + GAP, -GAP);
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height)));
  const width = Math.max(...rows.map(widthOf));
  const scale = Math.min(1, widest / width);
  const all = document.createElement("canvas");
  all.width = Math.round(scale * width);
  all.height = Math.round(scale * heights.reduce((sum, height) => sum + height + GAP, -GAP));
  const context = all.getContext("2d")!;
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper");
  context.fillRect(0, 0, all.width, all.height);
  context.scale(scale, scale);
  let top = 0;
  rows.forEach((row, k) => {
    let left = (width - widthOf(row)) / 2;
    for (const canvas of row) {
      context.drawImage(canvas, left, top);
      left += canvas.width + GAP;
    }
    top += heights[k] + GAP;
  });
  return all;
}

/** A GIF of all frames, written beside the page. */
async function animation(figure: HTMLElement, film: Film, say: (text: string) => void): Promise<Blob> {
  const [{ Encoder }, { default: workerUrl }] = await Promise.all([import("modern-gif"), import("modern-gif/worker?url")]);
  const count = film.frames();
  let encoder: InstanceType<typeof Encoder> | undefined;
  for (let frame = 0; frame < count; frame++) {
    film.show(frame);
    const canvas = sideBySide(figure, WIDEST);
    const { width, height } = canvas;
    encoder ??= new Encoder({ width, height, workerUrl, maxColors: 64 });
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
    await encoder.encode({ data, delay: frame === count - 1 ? LAST * film.delay : film.delay });
    say(`frame ${frame + 1} of ${count}`);
  }
  say("writing the file …");
  return encoder!.flush("blob");
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.download = name;
  link.href = URL.createObjectURL(blob);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
