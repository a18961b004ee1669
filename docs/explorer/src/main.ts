// The page: each figure on its element.
import "./style.css";
import { dress } from "./controls";
import { drag } from "./figures/drag";
import { rules } from "./figures/rules";
import { steps } from "./figures/steps";
import { trainIt } from "./figures/train_it";
import { triangle } from "./figures/triangle";
import { checkerboard, velocity, type Point } from "./law";
import { jumps, load, type Method } from "./maps";
import { exactJump } from "./path";

const figure = (id: string): HTMLElement => document.getElementById(id)!;
const board = checkerboard();
document.querySelectorAll("figure").forEach(dress);
const first = drag(figure("drag"), board);
rules(figure("rules"), board);
steps(figure("steps"), board);
triangle(figure("triangle"), board, first);
trainIt(figure("train"), board);

// The numbers behind the figures, for the console and the tests.
export interface Explorer {
  learntJumps(method: Method, s: number[], t: number[], x: number[]): Promise<number[]>;
  exactJumps(s: number[], t: number[], x: Point[]): Point[];
  velocities(t: number[], x: Point[]): Point[];
  card(method: Method): Promise<unknown>;
}
declare global {
  interface Window { explorer: Explorer }
}
window.explorer = {
  learntJumps: async (method, s, t, x) => [...jumps(await load(method), s, t, x)],
  exactJumps: (s, t, x) => x.map((point, k) => exactJump(board, s[k], t[k], point)),
  velocities: (t, x) => x.map((point, k) => velocity(board, t[k], point)),
  card: async (method) => (await load(method)).card,
};
