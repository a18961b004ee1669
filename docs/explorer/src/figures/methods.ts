// All methods at a glance: a card a method, from the catalogue of the project; a card opens what is known about it.
import { find } from "../controls";
import { paint, RULES, svg, TALL, VELOCITIES } from "../pictograms";
import { colours } from "../plane";

/** An entry of `python -m taxonomy --format=json`: the fields that the page shows. */
interface Method {
  name: string;
  title: string;
  characterization: string;
  velocity: string;
  cost: number;
  year: number;
  note: string;
  differs: string;
  formula: string;
  citation: { authors: string; title: string; arxiv: string; venue: string; bibtex: string };
  losses: { name: string; file: string; code: string }[];
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, words = "", kind = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.textContent = words;
  if (kind) made.className = kind;
  return made;
}

const facts = ({ characterization, velocity, cost, year }: Method): string[] =>
  [RULES[characterization], `velocity: ${VELOCITIES[velocity].shown}`, `cost ${cost}, ${year}`];

/** Fills the figure; what is returned paints the cards that are shown. */
export function methods(figure: HTMLElement): () => HTMLCanvasElement {
  const list = find<HTMLUListElement>(figure, "ul.cards");
  const rule = find<HTMLSelectElement>(figure, "select[name=rule]");
  const velocity = find<HTMLSelectElement>(figure, "select[name=velocity]");
  const count = find<HTMLOutputElement>(figure, "output[name=count]");
  let cards: { method: Method; card: HTMLLIElement; button: HTMLButtonElement }[] = [];
  let detail: HTMLLIElement | undefined;

  for (const [value, shown] of Object.entries(RULES)) rule.add(new Option(shown, value));
  for (const [value, { shown }] of Object.entries(VELOCITIES)) velocity.add(new Option(shown, value));
  const kept = ({ method }: (typeof cards)[number]): boolean =>
    (!rule.value || method.characterization === rule.value) && (!velocity.value || method.velocity === velocity.value);

  function filter(): void {
    close();
    for (const one of cards) one.card.hidden = !kept(one);
    count.value = `${cards.filter(kept).length} of ${cards.length} methods`;
  }
  rule.addEventListener("change", filter);
  velocity.addEventListener("change", filter);

  function close(): void {
    detail?.remove();
    detail = undefined;
    for (const { button } of cards) button.setAttribute("aria-expanded", "false");
  }
  list.addEventListener("keydown", (event) => {
    const open = cards.find(({ button }) => button.getAttribute("aria-expanded") === "true");
    if (event.key !== "Escape" || !open) return;
    close();
    open.button.focus();
  });

  function add(method: Method): void {
    const card = element("li");
    const button = element("button");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.append(svg(method.characterization, VELOCITIES[method.velocity].colour), element("strong", method.title), element("code", method.name));
    for (const fact of facts(method)) button.append(element("span", fact));
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-expanded") === "true";
      close();
      if (shown) return;
      button.setAttribute("aria-expanded", "true");
      card.after((detail = opened(method)));
    });
    card.append(button);
    list.append(card);
    cards.push({ method, card, button });
  }

  // Fetched once the figure comes near.
  new IntersectionObserver(async (seen, observer) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    const answer = await fetch("./methods.json");
    if (!answer.ok) return void (count.value = `methods.json: ${answer.status}`);
    ((await answer.json()) as Method[]).forEach(add);
    filter();
  }, { rootMargin: "800px" }).observe(figure);

  return () => picture(cards.filter(kept).map(({ method }) => method));
}

/** What is known about a method. */
function opened({ name, title, note, differs, formula, citation, losses }: Method): HTMLLIElement {
  const root = element("li", "", "detail");
  const block = (words: string, label: string): HTMLPreElement => {
    const made = element("pre", words);
    made.tabIndex = 0; // a long line is scrolled by arrow keys
    made.setAttribute("role", "region");
    made.setAttribute("aria-label", label);
    return made;
  };
  root.append(element("h3", title), element("p", note));
  if (differs) root.append(element("p", `Here: ${differs}`));
  root.append(element("h4", "Loss"), block(formula, `Loss of ${name}`));
  for (const loss of losses) root.append(element("h4", loss.file), block(loss.code, `Code of ${loss.name}`));
  const cited = element("p", `${citation.authors.replaceAll(" and ", ", ") || "Authors not verified here"}. ${citation.title}. `);
  const link = element("a", `arXiv ${citation.arxiv}`);
  link.href = `https://arxiv.org/abs/${citation.arxiv}`;
  cited.append(link, citation.venue ? `, ${citation.venue}.` : ".");
  const bibtex = block(citation.bibtex, `BibTeX of ${name}`);
  const copy = element("button", "Copy BibTeX");
  copy.type = "button";
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(citation.bibtex);
      copy.textContent = "Copied";
    } catch {
      // Where the clipboard is closed to pages, the entry is selected, to be copied by hand.
      getSelection()!.selectAllChildren(bibtex);
      copy.textContent = "Selected: press Ctrl C";
    }
  });
  const more = element("p", "All of it in a terminal: ");
  more.append(element("code", `python -m taxonomy show ${name}`));
  root.append(element("h4", "Paper"), cited, bibtex, copy, more);
  return root;
}

/** The cards as one picture. */
function picture(shown: Method[]): HTMLCanvasElement {
  const [columns, width, height, scale] = [6, 190, 150, 2];
  const canvas = document.createElement("canvas");
  canvas.width = scale * columns * width;
  canvas.height = scale * Math.max(1, Math.ceil(shown.length / columns)) * height;
  const context = canvas.getContext("2d")!;
  const hue = colours();
  context.fillStyle = hue.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  shown.forEach((method, k) => {
    context.setTransform(scale, 0, 0, scale, scale * (k % columns) * width + 12, scale * Math.floor(k / columns) * height + 12);
    context.save();
    context.scale(1.6, 1.6);
    paint(context, hue, method.characterization, VELOCITIES[method.velocity].colour);
    context.restore();
    context.fillStyle = hue.ink;
    context.font = "600 13px system-ui, sans-serif";
    context.fillText(method.name, 0, 1.6 * TALL + 18, width - 16);
    context.font = "12px system-ui, sans-serif";
    facts(method).forEach((fact, line) => context.fillText(fact, 0, 1.6 * TALL + 34 + 15 * line, width - 16));
  });
  return canvas;
}
