// Texts cut into words, and the pieces of an explanation laid onto them. Knows no page.

const WORD = /[\p{L}\p{N}\p{M}_]+(?:[-'’@.,][\p{L}\p{N}\p{M}_]+)*|\S/gu;
const END_OF_SENTENCE = /([\p{L}\p{N}]*)[.!?…]["'»“”’)\]]*\s+["'„“»«(\[]*[\p{Lu}\p{N}]/gu;
// After these, a letter or a number a full stop need not end a sentence.
const SHORT = new RegExp(
  "^(?:|\\p{L}|\\p{N}+|Abb|Abs|Art|Bd|Co|Dr|Fr|Hr|Inc|Jr|Ltd|Mio|Mr|Mrd|Mrs|Ms|No|Nr|Prof|Sr|St"
  + "|Tel|bzw|ca|etc|evtl|geb|ggf|inkl|usw|vgl|vs)$", "u");
const FARTHEST = 30; // characters that may stand between two words of an explanation

/** The words of a line, a punctuation mark being one: [{text, start, end}]. */
export function wordsOf(line) {
  return Array.from(line.matchAll(WORD), (match) => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** Whether a line surely holds several sentences. After what may be an abbreviation or an ordinal
 *  number it is left to the service. */
export function holdsSeveralSentences(line) {
  for (const [match, before] of line.matchAll(END_OF_SENTENCE)) {
    const fullStop = match[before.length] === ".";
    if (!fullStop || !SHORT.test(before)) return true;
  }
  return false;
}

/**
 * The pieces of each word of a line.
 *
 * @param {string} line
 * @param {{text: string, start: number, end: number}[]} words of the line
 * @param {{words: {text: string, first: number, last: number}[]}} side of an explanation
 * @returns {number[][]} empty where the explanation writes a word in another way
 */
export function piecesOfWords(line, words, side) {
  const pieces = words.map(() => []);
  let from = 0;
  for (const { text, first, last } of side.words.slice(0, -1)) {
    const start = line.indexOf(text, from);
    if (start < 0 || start - from > FARTHEST) continue;
    from = start + text.length;
    words.forEach((word, i) => {
      if (word.start >= from || word.end <= start) return;
      for (let piece = first; piece <= last; piece++) pieces[i].push(piece);
    });
  }
  return pieces;
}

/** The pieces of the end mark, which is the last word of a side. */
export function piecesOfEnd(side) {
  const { first, last } = side.words.at(-1);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** How probable each word is, given those before it; null where there are no pieces. */
export function probabilities(logProbs, pieces) {
  return pieces.map((those) =>
    those.length ? Math.exp(those.reduce((sum, piece) => sum + logProbs[piece], 0)) : null);
}

/**
 * What each word of the translation has to do with each word of the source.
 *
 * @param {object} explanation of the service
 * @param {"cross"|"rollout"|"saliency"} view
 * @param {string} layer from "1", or "mean"; only cross has layers and heads
 * @param {string} head the same
 * @param {number[][]} rows the pieces of each word of the translation
 * @param {number[][]} columns the pieces of each word of the source
 * @returns {number[][]} (rows, columns)
 */
export function matrixByWord(explanation, view, layer, head, rows, columns) {
  const matrix = view === "cross"
    ? mean(chosen(explanation.cross, layer).flatMap((heads) => chosen(heads, head)))
    : explanation[view];
  return rows.map((those) => {
    const divisor = view === "saliency" ? 1 : Math.max(1, those.length);
    return columns.map((pieces) =>
      sum(those.map((row) => sum(pieces.map((column) => matrix[row][column])))) / divisor);
  });
}

function chosen(stack, which) {
  return which === "mean" ? stack : [stack[which - 1]];
}

function mean(matrices) {
  return matrices[0].map((row, i) =>
    row.map((_, j) => sum(matrices.map((matrix) => matrix[i][j])) / matrices.length));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
