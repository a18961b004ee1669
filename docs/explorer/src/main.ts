// The page: each figure on its element.
import "./style.css";
import { drag } from "./figures/drag";
import { methods } from "./figures/methods";
import { rules } from "./figures/rules";
import { steer } from "./figures/steer";
import { steps } from "./figures/steps";
import { trainIt } from "./figures/train_it";
import { triangle } from "./figures/triangle";
import { checkerboard, posterior, seeded, velocity, type Point } from "./law";
import { half, jumps, load, type Method } from "./maps";
import { exactJump } from "./path";
import { dress } from "./saving";
import { known, type Known, type Look } from "./steering";
import { drawTilted, tiltedMass, type Reward } from "./tilted";

const figure = (id: string): HTMLElement => document.getElementById(id)!;
const board = checkerboard();

// ?figure=ID shows this figure alone, to be embedded.
const alone = document.querySelector(`figure[id="${CSS.escape(new URLSearchParams(location.search).get("figure") ?? "")}"]`);
if (alone) {
  document.body.classList.add("alone");
  alone.closest("section")!.classList.add("chosen");
}

const first = drag(figure("drag"), board);
dress(figure("drag"), first);
rules(figure("rules"), board);
dress(figure("rules"));
dress(figure("steps"), { film: steps(figure("steps"), board) });
triangle(figure("triangle"), board, first);
dress(figure("triangle"));
dress(figure("steer"), { film: steer(figure("steer"), board) });
dress(figure("train"), { film: trainIt(figure("train"), board) });
dress(figure("methods"), { picture: methods(figure("methods")) });

// The numbers behind the figures, for the console and the tests.
export interface Explorer {
  halves(bits: number[]): number[];
  learntJumps(method: Method, s: number[], t: number[], x: number[]): Promise<number[]>;
  exactJumps(s: number[], t: number[], x: Point[]): Point[];
  velocities(t: number[], x: Point[]): Point[];
  means(t: number[], x: Point[]): Point[];
  tiltedMass(reward: Reward): number[];
  drawTilted(reward: Reward, count: number): number[];
  known(look: Look, reward: Reward, t: number, x: number[]): Promise<Known>;
}
declare global {
  interface Window { explorer: Explorer }
}
window.explorer = {
  halves: (bits) => bits.map(half),
  learntJumps: async (method, s, t, x) => [...jumps(await load(method), s, t, x)],
  exactJumps: (s, t, x) => x.map((point, k) => exactJump(board, s[k], t[k], point)),
  velocities: (t, x) => x.map((point, k) => velocity(board, t[k], point)),
  means: (t, x) => x.map((point, k) => posterior(board, t[k], point).data),
  tiltedMass: (reward) => [...tiltedMass(board, reward)],
  drawTilted: (reward, count) => [...drawTilted(board, reward, count, seeded(1))],
  known: async (look, reward, t, x) => known(await load("lsd"), look, reward, t, Float32Array.from(x)),
};
