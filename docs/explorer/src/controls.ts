// Controls with a label and a spoken value, and small helpers of all figures.
import { METHODS, type Method } from "./maps";

export const find = <T extends Element>(root: ParentNode, selector: string): T => {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`nothing matches ${selector}`);
  return found;
};

/** Fills a menu with methods. */
export function fillMethods(menu: HTMLSelectElement, chosen: Method): void {
  for (const [name, shown] of Object.entries(METHODS)) menu.add(new Option(shown, name, name === chosen, name === chosen));
}

/** A slider whose <output> says its value. */
export function slider(root: ParentNode, name: string, change: (value: number) => void): { value(): number; set(value: number): void } {
  const input = find<HTMLInputElement>(root, `input[name="${name}"]`);
  const output = find<HTMLOutputElement>(input.closest("label")!, "output");
  const say = (): void => void (output.value = Number(input.value).toFixed(2));
  input.addEventListener("input", () => {
    say();
    change(Number(input.value));
  });
  say();
  return {
    value: () => Number(input.value),
    set: (value) => {
      input.value = String(value);
      say();
    },
  };
}

/** Calls at most once a frame, with the latest state. */
export function onceAFrame(draw: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/** Lets the page breathe between pieces of work. */
export const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
export const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const say = (x: readonly number[], digits = 2): string => `(${x.map((value) => value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−")).join(", ")})`;
export const distance = (a: readonly number[], b: readonly number[]): number => Math.hypot(a[0] - b[0], a[1] - b[1]);
