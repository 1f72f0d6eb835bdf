// Lines between a word and the words it has to do with.

const SVG = "http://www.w3.org/2000/svg";
const FAINTEST = 0.06; // of the strongest; weaker lines are left out

/**
 * Draws them, and tints the words at their far ends.
 *
 * @param {{lines: SVGElement, marks: SVGElement}} layers over both texts, and below the text field
 * @param {import("./rendering.js").Word} word the one that is pointed at
 * @param {(import("./rendering.js").Word & {value: number, i: number})[]} others
 * @param {number} most the largest absolute value there is
 */
export function draw(layers, word, others, most) {
  clear(layers);
  const here = mark(layers.marks, word, "pointed");
  if (!here) return;
  const stage = layers.lines.getBoundingClientRect();
  for (const other of others) {
    const strength = Math.abs(other.value) / most;
    if (strength < FAINTEST) continue;
    const there = mark(layers.marks, other, "related", strength);
    if (!there) continue;
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", curve(here, there, stage));
    path.setAttribute("stroke-width", (1 + 3 * strength).toFixed(2));
    path.setAttribute("stroke-opacity", (0.15 + 0.85 * strength).toFixed(3));
    path.dataset.word = other.i;
    path.classList.toggle("minus", other.value < 0);
    layers.lines.append(path);
  }
}

/** Takes lines and tints away. */
export function clear({ lines, marks }) {
  lines.replaceChildren();
  marks.replaceChildren();
  for (const element of document.querySelectorAll(".pointed, .related")) {
    element.classList.remove("pointed", "related");
    element.style.removeProperty("--strength");
  }
}

/** Marks a word, and returns the first rectangle it fills on the screen. */
function mark(marks, word, kind, strength = 1) {
  const rects = word.rects();
  const marked = word.element ? [word.element] : rects.map((rect) => cover(marks, rect));
  for (const element of marked) {
    element.classList.add(kind);
    element.style.setProperty("--strength", strength.toFixed(3));
  }
  return rects[0];
}

function cover(marks, { left, top, width, height }) {
  const field = marks.getBoundingClientRect();
  const rect = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({
    x: left - field.left, y: top - field.top, width, height, rx: 4,
  })) rect.setAttribute(name, value);
  marks.append(rect);
  return rect;
}

function curve(one, other, stage) {
  const [upper, lower] = one.top <= other.top ? [one, other] : [other, one];
  const x1 = upper.left + upper.width / 2 - stage.left;
  const x2 = lower.left + lower.width / 2 - stage.left;
  const y1 = upper.bottom - stage.top;
  if (getComputedStyle(document.getElementById("stage")).flexDirection === "column") {
    const y2 = lower.top - stage.top;
    const bend = (y2 - y1) / 2;
    return `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`;
  }
  // Side by side they hang below the words, the wider the deeper, so that they cross little text.
  const y2 = lower.bottom - stage.top;
  const depth = Math.min(110, 24 + Math.abs(x1 - x2) / 10);
  return `M${x1},${y1} C${x1},${y1 + depth} ${x2},${y2 + depth} ${x2},${y2}`;
}
