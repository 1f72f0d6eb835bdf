// Texts on the page as words that can be pointed at.

import { wordsOf } from "./words.js";

/**
 * @typedef {object} Word of a line
 * @property {string} text
 * @property {number} start within its line, as end
 * @property {number} end
 * @property {() => DOMRect[]} rects where it is on the screen
 * @property {HTMLElement} [element] only where it is one
 *
 * @typedef {{text: string, words: Word[]}} Line
 */

/**
 * Writes a text into an element, a block for each line and a span for each word.
 *
 * @param {Element} container
 * @param {string} text
 * @param {(span: HTMLElement) => void} prepare is done to each word
 * @returns {Line[]}
 */
export function render(container, text, prepare) {
  const lines = linesOf(text);
  container.replaceChildren(...lines.map(({ text: line, words }, i) => {
    const block = document.createElement("div");
    let written = 0;
    words.forEach((word, k) => {
      block.append(line.slice(written, word.start));
      const span = document.createElement("span");
      span.className = "word";
      span.dataset.line = i;
      span.dataset.word = k;
      span.textContent = word.text;
      prepare(span);
      block.append(span);
      word.element = span;
      word.rects = () => [...span.getClientRects()];
      written = word.end;
    });
    // An empty block would have no height.
    block.append(line.slice(written) || (words.length ? "" : "\u200b"));
    return block;
  }));
  return lines;
}

/**
 * Writes the text of a text field into an element that lies below it and breaks lines as it does,
 * which it would not with a span for each word.
 *
 * @param {Element} mirror
 * @param {string} text
 * @returns {Line[]}
 */
export function reflect(mirror, text) {
  const node = document.createTextNode(`${text}\u200b`); // a last empty line has its height
  mirror.replaceChildren(node);
  const lines = linesOf(text);
  let offset = 0;
  for (const { text: line, words } of lines) {
    for (const word of words) {
      const range = document.createRange();
      range.setStart(node, offset + word.start);
      range.setEnd(node, offset + word.end);
      word.rects = () => [...range.getClientRects()];
    }
    offset += line.length + 1;
  }
  return lines;
}

/** Where the word at a point of the screen stands in its text: {line, word}, or null. */
export function placeAt(lines, x, y) {
  const hit = ({ left, right, top, bottom }) => left <= x && x <= right && top <= y && y <= bottom;
  for (const [line, { words }] of lines.entries()) {
    const word = words.findIndex(({ rects }) => rects().some(hit));
    if (word >= 0) return { line, word };
  }
  return null;
}

/** Where the word of `render` that an element is in stands: {line, word}, or null. */
export function placeOf(element) {
  const word = element.closest(".word");
  return word && { line: Number(word.dataset.line), word: Number(word.dataset.word) };
}

function linesOf(text) {
  return text.split("\n").map((line) => ({ text: line, words: wordsOf(line) }));
}
