// The page: a text on one side, its translation on the other.

import { get, isAbort, post } from "./api.js";
import { offerCard } from "./card.js";
import { acceptFiles } from "./files.js";
import { createInspector } from "./looking.js";
import { createMenu } from "./menu.js";
import { placeAt, placeOf, reflect, render } from "./rendering.js";
import { keep, kept } from "./storage.js";
import {
  fillTexts, inInterface, interfaceLanguage, nameOfLanguage, number, percent, switchLanguage, t,
} from "./texts.js";

const DEBOUNCE = 250; // milliseconds from the last key to the request
const CALM = 300; // milliseconds from the translation to the look inside
const LINGER = 800; // milliseconds that lines stay when the pointer leaves a word
const N_ALTERNATIVES = 8;

const $ = (id) => document.getElementById(id);
const field = $("source-text");
const source = $("source");
const target = $("target");
const words = $("words");
const key = $("key");

let settings = null;
let languages = [];
let detected = null; // {language, confidence} of the last answer to "auto"
let shown = null; // {text, translation, source, target, confidence, warnings, to: lines}
let fromLines = [];
let problem = null; // an Error, or a function that words it
let status = null; // a function that words it
let running = null; // the AbortController of the translation asked for
let starting = null; // the promise of settings and languages
let typing = 0;
let calm = 0;

const credentials = () => (key.value ? { api_key: key.value } : {});
const inspector = createInspector({
  layers: { lines: $("lines"), marks: $("marks") },
  detail: $("detail"),
  view: $("view"),
  layer: $("layer"),
  head: $("head"),
}, credentials);
const menu = createMenu({ popup: $("popup"), note: $("popup-note"), menu: $("menu") }, inWords);

// Words for errors and states --------------------------------------------------------------------

function inWords(error) {
  if (typeof error === "function") return error();
  const name = {
    0: "offline", 403: "key403", 404: "missing404", 413: "large413", 429: "many429",
    503: "busy503", 504: "slow504",
  }[error.status];
  if (name) return t(name);
  if (error.status >= 400 && error.status < 500)
    return `${t("refused")} ${inInterface(error.sentence).text}`.trim();
  return t("broken");
}

function setProblem(found) {
  problem = found;
  $("problem").textContent = found ? inWords(found) : "";
}

function setStatus(wording) {
  status = wording;
  const notes = (shown?.warnings ?? []).map(inInterface)
    .map(({ text, lang }) => note(text, lang));
  if (status) notes.unshift(note(status(), interfaceLanguage()));
  $("notes").replaceChildren(...notes);
}

function note(text, lang) {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  paragraph.lang = lang;
  return paragraph;
}

// Languages --------------------------------------------------------------------------------------

function fillLanguages() {
  const named = ({ code, name }) => new Option(nameOfLanguage(code, name), code);
  const from = source.value;
  source.replaceChildren(
    new Option(t("auto"), "auto"),
    ...languages.filter(({ targets }) => targets.length).map(named),
  );
  if (from) source.value = from;
  fillTargets();
}

function fillTargets() {
  const to = target.value;
  const possible = targetsOf(source.value);
  const named = languages.filter(({ code }) => possible.includes(code));
  target.replaceChildren(...named.map(
    ({ code, name }) => new Option(nameOfLanguage(code, name), code)));
  if (possible.includes(to)) target.value = to;
  $("swap").disabled = !swapped();
}

function targetsOf(code) {
  if (code === "auto") return languages.flatMap(({ targets }) => targets);
  return languages.find((language) => language.code === code)?.targets ?? [];
}

/** The languages after a swap, or null if the service cannot translate that way. */
function swapped() {
  const possible = targetsOf(target.value);
  if (!possible.length) return null;
  const from = source.value === "auto" ? detected?.language : source.value;
  if (from && source.value !== "auto" && !possible.includes(from)) return null;
  return { source: target.value, target: possible.includes(from) ? from : possible[0] };
}

function showDetected() {
  const visible = source.value === "auto" && detected;
  $("detected").textContent = visible
    ? t("detected", {
      language: nameOfLanguage(detected.language, detected.language),
      percent: percent(detected.confidence / 100),
    }) : "";
  const lang = source.value === "auto" ? detected?.language : source.value;
  field.lang = lang ?? "";
}

// From the text to its translation ---------------------------------------------------------------

function textChanged() {
  clearTimeout(typing);
  clearTimeout(calm);
  menu.close();
  fromLines = reflect($("mirror"), field.value);
  inspector.show(null);
  showCount();
  $("clear").hidden = !field.value;
  if (!field.value.trim()) return empty();
  const wait = Number.isFinite(settings?.frontendTimeout) ? settings.frontendTimeout : DEBOUNCE;
  typing = setTimeout(translate, wait);
}

function showCount() {
  const count = [...field.value].length;
  const limit = settings?.charLimit > 0 ? settings.charLimit : null;
  const values = { count: number(count), limit: limit && number(limit) };
  $("count").textContent = t(limit ? "count" : "countOnly", values);
  const tooLong = limit !== null && count > limit;
  $("count").classList.toggle("problem", tooLong);
  return tooLong ? values : null;
}

function empty() {
  running?.abort();
  detected = null;
  showDetected();
  setProblem(null);
  showTranslation(null);
}

async function translate() {
  clearTimeout(typing);
  running?.abort();
  const text = field.value;
  if (!text.trim()) return;
  if (!settings && !(await start())) return;
  if (settings.keyRequired && !key.value) return setProblem(() => t("keyMissing"));
  const tooLong = showCount();
  if (tooLong) return setProblem(() => t("tooLong", tooLong));
  running = new AbortController();
  const { signal } = running;
  const asked = { source: source.value, target: target.value };
  const onWait = (seconds) => setStatus(() => t("waiting", { seconds }));
  words.setAttribute("aria-busy", "true");
  let answer;
  try {
    const body = { q: text, ...asked, format: "text", ...credentials() };
    answer = await post("translate", body, signal, onWait);
  } catch (error) {
    if (isAbort(error) || signal.aborted) return;
    words.removeAttribute("aria-busy");
    setStatus(null);
    setProblem(error);
    return;
  }
  if (signal.aborted) return;
  setProblem(null);
  detected = answer.detectedLanguage ?? null;
  if (asked.source === "auto" && detected?.language === asked.target) {
    const [other] = targetsOf(detected.language);
    if (other && other !== asked.target) {
      target.value = other; // nobody translates English into English
      return translate();
    }
  }
  showTranslation({
    text,
    translation: answer.translatedText,
    source: asked.source === "auto" ? detected?.language : asked.source,
    target: asked.target,
    confidence: answer.confidence,
    warnings: answer.warnings ?? [],
  });
}

// The translation --------------------------------------------------------------------------------

function showTranslation(translation) {
  clearTimeout(calm);
  menu.close();
  shown = translation;
  words.removeAttribute("aria-busy");
  words.lang = shown?.target ?? target.value;
  $("waiting").hidden = shown !== null;
  $("copy").hidden = !shown?.translation;
  $("spoken").lang = words.lang;
  $("spoken").textContent = shown?.translation ?? "";
  showDetected();
  showConfidence();
  setStatus(null);
  $("swap").disabled = !swapped();
  if (!shown) {
    words.replaceChildren();
    inspector.show(null);
    return;
  }
  shown.to = render(words, shown.translation, (word) => {
    word.tabIndex = -1;
    word.setAttribute("role", "button");
    word.setAttribute("aria-haspopup", "menu");
    word.setAttribute("aria-expanded", "false");
    word.setAttribute("aria-describedby", "detail");
  });
  const first = words.querySelector(".word");
  if (first) first.tabIndex = 0;
  if (shown.text !== field.value) return; // typed on; a newer answer is on its way
  inspector.show({ source: shown.source, target: shown.target, from: fromLines, to: shown.to });
  const full = shown.to.flatMap(({ words: found }, line) => (found.length ? [line] : []));
  if (full.length === 1) calm = setTimeout(() => inspector.explain(full[0]), CALM);
}

function showConfidence() {
  const { confidence } = shown ?? {};
  $("confidence").textContent = typeof confidence === "number"
    ? t("confidence", { percent: percent(confidence) }) : "";
}

function swap() {
  const to = swapped();
  if (!to) return;
  const text = shown?.translation ?? field.value;
  source.value = to.source;
  fillTargets();
  target.value = to.target;
  detected = null;
  field.value = text;
  showTranslation(null);
  textChanged();
  translate();
}

async function copy() {
  const text = shown.translation;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) return setStatus(() => t("notCopied"));
  }
  setStatus(() => t("copied"));
  setTimeout(() => setStatus(null), 2500);
}

function copyBySelection(text) {
  // Where the page came by plain HTTP there is no clipboard to write to.
  const helper = document.createElement("textarea");
  helper.value = text;
  helper.className = "hidden";
  document.body.append(helper);
  helper.select();
  const done = document.execCommand("copy");
  helper.remove();
  $("copy").focus();
  return done;
}

// What else could stand there --------------------------------------------------------------------

function offerAlternatives(element) {
  if (menu.isOpen(element)) return menu.close();
  const place = placeOf(element);
  const reason = shown.text === field.value ? inspector.obstacle(place.line) : "looking";
  if (reason) return menu.tell(element, t(reason));
  const { text: line, words: found } = shown.to[place.line];
  const indent = line.slice(0, found[0].start);
  const now = line.trim();
  const prefix = line.slice(indent.length, found[place.word].start);
  let alternatives = [];
  const find = async (signal) => {
    const q = shown.text.split("\n")[place.line].trim();
    const { source: from, target: to } = shown;
    const body = { q, source: from, target: to, prefix, n: N_ALTERNATIVES, ...credentials() };
    const answer = await post("alternatives", body, signal);
    alternatives = answer.alternatives.filter(({ text }) => text.trim() !== now);
    return alternatives.map(({ text, confidence }) => ({
      rest: text.slice(commonPrefix(text, prefix)).trim(), confidence,
    }));
  };
  const choose = (i) => {
    const lines = shown.to.map(({ text }) => text);
    lines[place.line] = indent + alternatives[i].text;
    showTranslation({ ...shown, translation: lines.join("\n"), confidence: null });
    const same = wordElement(place) ?? words.querySelector(".word");
    if (same) moveTo(same);
  };
  return menu.open(element, shown.target, find, choose);
}

function commonPrefix(text, prefix) {
  let n = 0;
  while (n < prefix.length && text[n] === prefix[n]) n++;
  return n;
}

function wordElement({ line, word }) {
  return shown?.to[line]?.words[word]?.element;
}

function moveTo(element) {
  for (const word of words.querySelectorAll("[tabindex='0']")) word.tabIndex = -1;
  element.tabIndex = 0;
  element.focus();
}

// Pointing ---------------------------------------------------------------------------------------

let hovered = null;
let focused = null;
let leaving = 0;

function point() {
  inspector.point(hovered ?? focused);
}

function hover(place) {
  clearTimeout(leaving);
  if (place) {
    hovered = place;
    point();
  } else {
    leaving = setTimeout(() => {
      hovered = null;
      point();
    }, LINGER);
  }
}

words.addEventListener("pointerover", (event) => {
  const place = placeOf(event.target);
  hover(place && { side: "to", ...place });
});
words.addEventListener("pointerleave", () => hover(null));
field.addEventListener("pointermove", (event) => {
  const place = placeAt(fromLines, event.clientX, event.clientY);
  hover(place && { side: "from", ...place });
});
field.addEventListener("pointerleave", () => hover(null));

words.addEventListener("focusin", (event) => {
  focused = { side: "to", ...placeOf(event.target) };
  hovered = null;
  point();
});
// A word stays pointed at while one goes on to choose a layer, say.
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest("#stage, .inside")) pointAtNothing();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) pointAtNothing();
});

function pointAtNothing() {
  hovered = focused = null;
  point();
}

/** The word at the caret counts as pointed at, unless one is typing. */
function pointAtCaret() {
  const before = field.value.slice(0, field.selectionStart).split("\n");
  const line = before.length - 1;
  const column = before[line].length;
  const word = fromLines[line]?.words.findIndex(
    ({ start, end }) => start <= column && column <= end) ?? -1;
  focused = word < 0 ? null : { side: "from", line, word };
  hovered = null;
  point();
}

field.addEventListener("keyup", (event) => {
  if (/^(Arrow|Home|End|Page)/.test(event.key)) pointAtCaret();
});
field.addEventListener("click", pointAtCaret);
field.addEventListener("input", () => {
  hovered = focused = null;
  textChanged();
});

const inside = document.querySelector(".inside");
inside.addEventListener("pointerenter", () => clearTimeout(leaving));
inside.addEventListener("pointerleave", () => hover(null));

words.addEventListener("click", (event) => {
  const word = event.target.closest(".word");
  if (!word || !document.getSelection().isCollapsed) return; // text was being selected
  moveTo(word);
  offerAlternatives(word);
});
words.addEventListener("keydown", (event) => {
  const all = [...words.querySelectorAll(".word")];
  const at = all.indexOf(event.target);
  if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = {
    ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1,
  }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    menu.close();
    moveTo(all[Math.max(0, Math.min(to, all.length - 1))]);
  } else if (event.key === "Enter" || event.key === " " || event.key === "ArrowDown") {
    event.preventDefault();
    offerAlternatives(event.target);
  }
});

// Everything else --------------------------------------------------------------------------------

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme() {
  $("theme").textContent = t(isDark() ? "light" : "dark");
}

function showTexts() {
  fillTexts();
  fillLanguages();
  showTheme();
  const other = interfaceLanguage() === "de" ? "en" : "de";
  $("language").textContent = { de: "Deutsch", en: "English" }[other];
  $("language").lang = other;
  $("formats").textContent = settings?.filesTranslation
    ? t("formats", { formats: settings.supportedFilesFormat.join(", ") }) : "";
  showCount();
  showDetected();
  showConfidence();
  setStatus(status);
  setProblem(problem);
  inspector.translateTexts();
}

/** Asks what the service can do, once at a time; whether it answered. */
function start() {
  starting ??= askForSettings().finally(() => { starting = null; });
  return starting;
}

async function askForSettings() {
  try {
    [settings, languages] = await Promise.all([get("frontend/settings"), get("languages")]);
  } catch (error) {
    setProblem(error);
    return false;
  }
  setProblem(null);
  const preferred = settings.language ?? {};
  fillLanguages();
  source.value = preferred.source?.code ?? "auto";
  if (!source.value) source.value = "auto";
  fillTargets();
  if (targetsOf(source.value).includes(preferred.target?.code))
    target.value = preferred.target.code;
  if (settings.keyRequired) {
    $("key-row").hidden = false;
    key.value = kept("sessionStorage", "key") ?? "";
  }
  if (settings.filesTranslation) {
    acceptFiles(settings.supportedFilesFormat, () => {
      if (settings.keyRequired && !key.value) {
        setProblem(() => t("keyMissing"));
        return null;
      }
      return { source: source.value, target: target.value, ...credentials() };
    }, inWords);
  }
  showTexts();
  return true;
}

source.addEventListener("change", () => {
  detected = null;
  fillTargets();
  showDetected();
  translate();
});
target.addEventListener("change", () => {
  $("swap").disabled = !swapped();
  translate();
});
$("swap").addEventListener("click", swap);
$("copy").addEventListener("click", copy);
$("clear").addEventListener("click", () => {
  field.value = "";
  hovered = focused = null;
  textChanged();
  field.focus();
});
key.addEventListener("input", () => {
  keep("sessionStorage", "key", key.value);
  textChanged();
});
$("key-row").addEventListener("submit", (event) => {
  event.preventDefault();
  translate();
});
$("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  keep("localStorage", "theme", theme);
  showTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
$("language").addEventListener("click", () => {
  switchLanguage();
  showTexts();
});
offerCard(() => ({
  source: source.value === "auto"
    ? detected?.language ?? languages.find(({ targets }) => targets.includes(target.value))?.code
    : source.value,
  target: target.value,
}), inWords);
new ResizeObserver(inspector.update).observe($("stage"));

showTexts();
await start();
if (field.value) textChanged(); // what the browser kept over a reload
