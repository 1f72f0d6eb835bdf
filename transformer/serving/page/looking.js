// Looking inside: what the model attended to at a word, and how sure it was.

import { isAbort, post } from "./api.js";
import { clear, draw } from "./lines.js";
import { number, percent, signed, t } from "./texts.js";
import {
  holdsSeveralSentences, matrixByWord, piecesOfEnd, piecesOfWords, probabilities,
} from "./words.js";

const LONGEST = 1500; // characters; a longer line is not one sentence of 512 pieces
const MENTIONED = 4; // words in the sentence below the text
const LEAST_SHARE = 0.03;
const DOUBTS = [0.9, 0.7, 0.4]; // below which a word is marked, ever more strongly

/**
 * @param {object} parts layers as in lines.js; detail, view, layer and head: its elements
 * @param {() => object} credentials fields of every request
 */
export function createInspector({ layers, detail, view, layer, head }, credentials) {
  let shown = null; // {source, target: codes; from, to: lines of rendering.js}
  let explained = new Map(); // line → {explanation, rows, columns, chances} or {reason}
  let pointed = null; // {side: "from" | "to", line, word}
  let giveUp = new AbortController();

  /** Forgets the translation before; `translation` is null when there is none. */
  function show(translation) {
    giveUp.abort();
    giveUp = new AbortController();
    shown = translation;
    explained = new Map();
    pointed = null;
    fillChoices();
    update();
  }

  /** Points at a word, or at none. */
  function point(place) {
    const same = place?.side === pointed?.side && place?.line === pointed?.line
      && place?.word === pointed?.word;
    if (same) return;
    pointed = place;
    update();
    if (place && shown && !explained.has(place.line)) explain(place.line);
  }

  /** Why a line cannot be looked into, as the name of a text; null if it can be tried. */
  function obstacle(line) {
    if (!shown || shown.from.length !== shown.to.length) return "unpaired";
    if (holdsSeveralSentences(shown.from[line].text)) return "several";
    return shown.from[line].text.length > LONGEST ? "tooLongInside" : null;
  }

  /** Asks for the explanation of a line, marks its unsure words and draws what is pointed at. */
  async function explain(line) {
    if (!shown || explained.has(line)) return;
    const reason = obstacle(line);
    explained.set(line, { reason: reason ?? "looking" });
    if (reason) return update();
    const { source, target, from, to } = shown;
    const { signal } = giveUp;
    const q = from[line].text.trim();
    const body = { q, source, target, translation: to[line].text.trim(), ...credentials() };
    try {
      const explanation = await post("explain", body, signal);
      if (signal.aborted) return;
      explained.set(line, laidOut(explanation, from[line], to[line]));
      markDoubts(line);
      fillChoices(explanation);
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      explained.set(line, { reason: "noInside" });
    }
    update();
  }

  function laidOut(explanation, from, to) {
    const rows = piecesOfWords(to.text, to.words, explanation.target);
    const columns = piecesOfWords(from.text, from.words, explanation.source);
    return {
      explanation,
      rows,
      columns: [...columns, piecesOfEnd(explanation.source)],
      chances: probabilities(explanation.log_probs, rows),
    };
  }

  function markDoubts(line) {
    explained.get(line).chances?.forEach((chance, i) => {
      if (chance === null) return;
      const { element } = shown.to[line].words[i];
      element.dataset.doubt = DOUBTS.filter((least) => chance < least).length;
      element.title = t("sure", { percent: percent(chance) });
    });
  }

  /** Draws and writes anew, as after a change of the window, the view or the language. */
  function update() {
    clear(layers);
    const found = pointed && explained.get(pointed.line);
    if (!found) {
      detail.textContent = pointed && shown ? t("looking") : t("hint");
      return;
    }
    if (found.reason) {
      detail.textContent = t(found.reason);
      return;
    }
    const word = shown[pointed.side][pointed.line].words[pointed.word];
    const pieces = (pointed.side === "to" ? found.rows : found.columns)[pointed.word];
    if (!word || !pieces?.length) {
      detail.textContent = t("notAligned");
      return;
    }
    const matrix = matrixByWord(found.explanation, view.value, layer.value, head.value,
      found.rows, found.columns);
    const values = pointed.side === "to"
      ? matrix[pointed.word] : matrix.map((row) => row[pointed.word]);
    const others = shown[pointed.side === "to" ? "from" : "to"][pointed.line].words.map(
      (other, i) => ({ ...other, i, value: values[i] }));
    const inner = matrix.flatMap((row) => row.slice(0, -1));
    draw(layers, word, others, Math.max(1e-9, ...inner.map(Math.abs)));
    describe(word, values, others, found);
  }

  function describe(word, values, others, found) {
    const toTarget = pointed.side === "to";
    const here = toTarget ? shown.target : shown.source;
    const there = toTarget ? shown.source : shown.target;
    const measured = others.map(({ text, value }) => ({ name: named(text, there), value }));
    if (toTarget) measured.push({ name: t("endMark"), value: values.at(-1) });
    const names = {
      cross: ["attendsTo", "attendedBy"],
      rollout: ["mixes", "mixedInto"],
      saliency: ["dependsOn", "raises"],
    }[view.value];
    const signedValues = view.value === "saliency";
    const parts = measured
      .filter(({ value }) => Math.abs(value) >= LEAST_SHARE)
      .sort((one, other) => Math.abs(other.value) - Math.abs(one.value))
      .slice(0, MENTIONED)
      .flatMap(({ name, value }, i) => [
        i ? ", " : " ", name, `\u00a0${signedValues ? signed(value) : percent(value)}`,
      ]);
    const strong = document.createElement("strong");
    strong.append(named(word.text, here));
    const chance = toTarget ? found.chances[pointed.word] : null;
    const sure = chance === null ? [] : [" · ", t("sure", { percent: percent(chance) })];
    detail.replaceChildren(strong, ...sure);
    if (parts.length) detail.append(" · ", t(names[toTarget ? 0 : 1]), ...parts);
  }

  function fillChoices(explanation) {
    fillViews();
    const stacked = view.value === "cross";
    for (const [select, what, n] of [
      [layer, "layer", explanation?.layers], [head, "head", explanation?.heads],
    ]) {
      const before = select.value;
      const count = n ?? Math.max(0, select.options.length - 1);
      const mean = count ? t("mean", { n: number(count) }) : t("all");
      select.replaceChildren(new Option(mean, "mean"));
      for (let i = 1; i <= count; i++) select.add(new Option(number(i), String(i)));
      if (before && before !== "mean" && before <= count) select.value = before;
      select.disabled = !stacked || count === 0;
    }
  }

  function fillViews() {
    const before = view.value || "cross";
    view.replaceChildren(...["cross", "rollout", "saliency"].map((v) => new Option(t(v), v)));
    view.value = before;
  }

  view.addEventListener("change", () => {
    fillChoices();
    update();
  });
  layer.addEventListener("change", update);
  head.addEventListener("change", update);

  /** Writes everything anew in the interface's language. */
  function translateTexts() {
    fillChoices();
    for (const line of explained.keys()) markDoubts(line);
    update();
  }

  return { show, point, explain, obstacle, update, translateTexts };
}

function named(text, lang) {
  const span = document.createElement("span");
  span.lang = lang;
  // A comma that is meant should not look like one that separates.
  span.textContent = /[\p{L}\p{N}]/u.test(text) ? text : t("quoted", { word: text });
  return span;
}
