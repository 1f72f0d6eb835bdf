// Everything the interface says, in both its languages.

import { keep, kept } from "./storage.js";

const TEXTS = {
  en: {
    title: "Translator",
    tagline: "A Transformer whose work you can watch",
    skip: "Skip to the text field",
    tools: "Page",
    card: "Model card",
    close: "Close",
    dark: "Dark colours",
    light: "Light colours",
    key: "API key",
    keyAbout: "This service asks for a key. It is forgotten when you close the tab.",
    keyMissing: "Please enter the API key first.",
    from: "Translate from",
    to: "Translate to",
    auto: "Detect language",
    detected: "{language}, {percent} certain",
    swap: "Swap languages",
    sourceText: "Text",
    translation: "Translation",
    placeholder: "Type or paste a text",
    nothingYet: "The translation appears here as you type.",
    clear: "Clear",
    count: "{count} of {limit} characters",
    countOnly: "{count} characters",
    tooLong: "The text is too long: {count} of at most {limit} characters. Please shorten it, or"
      + " translate it as a file.",
    copy: "Copy",
    copied: "Copied",
    notCopied: "The browser did not allow copying. Please select the text and copy it yourself.",
    confidence: "Confidence {percent}",
    inside: "Look inside",
    hint: "Point at a word to see what the model attended to. Click on a word of the translation"
      + " to see what else could stand there.",
    keys: "Arrow keys go from word to word; Enter shows what else could stand there.",
    view: "Show",
    cross: "Attention",
    rollout: "Attention rollout",
    saliency: "Gradient × input",
    layer: "Layer",
    head: "Head",
    mean: "mean of {n}",
    all: "mean",
    legend: "How sure the model is of a word:",
    doubt0: "over 90%",
    doubt1: "70 to 90%",
    doubt2: "40 to 70%",
    doubt3: "under 40%",
    sure: "{percent} sure",
    attendsTo: "attends to",
    attendedBy: "attended to by",
    mixes: "traced back to",
    mixedInto: "traced forward to",
    dependsOn: "log-probability depends on",
    raises: "bears on",
    endMark: "the end mark",
    quoted: "“{word}”",
    looking: "Looking inside …",
    several: "This line holds several sentences. Words can be looked into, or replaced, where a"
      + " line holds one.",
    unpaired: "The lines of text and translation do not match, so this word cannot be looked"
      + " into.",
    tooLongInside: "This sentence is too long to look into.",
    notAligned: "There is nothing to show for this word.",
    noInside: "The model could not be looked into for this line.",
    instead: "Instead of “{word}”",
    insteadAbout: "Instead of “{word}” · confidence in the sentence",
    searching: "Searching …",
    noOther: "Nothing else comes to the model's mind here.",
    files: "Translate a file",
    choose: "Choose a file",
    orDrop: "or drop it anywhere on this page.",
    formats: "Possible are {formats}.",
    wrongFormat: "Files of this kind cannot be translated. Possible are {formats}.",
    translating: "being translated …",
    download: "Download {name}",
    ownServer: "This page talks to its own server only.",
    api: "API documentation",
    loading: "Loading …",
    waiting: "The service is busy. Trying again in {seconds} s …",
    refused: "The service could not accept this.",
    key403: "The service does not accept this API key.",
    missing404: "The service does not know this address.",
    large413: "This is too much at once for the service.",
    many429: "Too many requests. Please wait a moment.",
    busy503: "The service is busy. Please try again in a moment.",
    slow504: "The translation took too long. Please try a shorter text.",
    broken: "Something went wrong in the service.",
    offline: "The service does not answer. Please check the connection.",
    lost: "{typed} is missing or changed",
    already: "left as it is: it seems to be {language} already",
    foreign: "It seems to be neither German nor English.",
    notUtf8: "{name} is not UTF-8 at byte {byte}",
    tooLongHere: "The text has {count} characters, and {limit} are allowed at a time.",
  },
  de: {
    title: "Übersetzer",
    tagline: "Ein Transformer, dem man bei der Arbeit zusehen kann",
    skip: "Zum Textfeld springen",
    tools: "Seite",
    card: "Modellkarte",
    close: "Schließen",
    dark: "Dunkle Farben",
    light: "Helle Farben",
    key: "API-Schlüssel",
    keyAbout: "Dieser Dienst verlangt einen Schlüssel. Er wird vergessen, wenn Sie den Tab"
      + " schließen.",
    keyMissing: "Bitte geben Sie zuerst den API-Schlüssel ein.",
    from: "Übersetzen aus",
    to: "Übersetzen in",
    auto: "Sprache erkennen",
    detected: "{language}, zu {percent} sicher",
    swap: "Sprachen tauschen",
    sourceText: "Text",
    translation: "Übersetzung",
    placeholder: "Text eingeben oder einfügen",
    nothingYet: "Die Übersetzung erscheint hier, während Sie tippen.",
    clear: "Leeren",
    count: "{count} von {limit} Zeichen",
    countOnly: "{count} Zeichen",
    tooLong: "Der Text ist zu lang: {count} von höchstens {limit} Zeichen. Bitte kürzen Sie ihn"
      + " oder übersetzen Sie ihn als Datei.",
    copy: "Kopieren",
    copied: "Kopiert",
    notCopied: "Der Browser hat das Kopieren nicht erlaubt. Bitte markieren und kopieren Sie den"
      + " Text selbst.",
    confidence: "Konfidenz {percent}",
    inside: "Ins Modell hineinsehen",
    hint: "Zeigen Sie auf ein Wort, um zu sehen, worauf das Modell geachtet hat. Klicken Sie auf"
      + " ein Wort der Übersetzung, um zu sehen, was dort noch stehen könnte.",
    keys: "Pfeiltasten führen von Wort zu Wort; die Eingabetaste zeigt, was dort noch stehen"
      + " könnte.",
    view: "Ansicht",
    cross: "Attention",
    rollout: "Attention-Rollout",
    saliency: "Gradient × Eingabe",
    layer: "Schicht",
    head: "Kopf",
    mean: "Mittel aus {n}",
    all: "Mittel",
    legend: "Wie sicher sich das Modell bei einem Wort ist:",
    doubt0: "über 90\u00a0%",
    doubt1: "70 bis 90\u00a0%",
    doubt2: "40 bis 70\u00a0%",
    doubt3: "unter 40\u00a0%",
    sure: "zu {percent} sicher",
    attendsTo: "achtet auf",
    attendedBy: "wird beachtet von",
    mixes: "zurückverfolgt zu",
    mixedInto: "weiterverfolgt zu",
    dependsOn: "die Log-Wahrscheinlichkeit hängt ab von",
    raises: "wirkt auf",
    endMark: "das Satzende",
    quoted: "„{word}“",
    looking: "Es wird hineingesehen …",
    several: "In dieser Zeile stehen mehrere Sätze. Hineinsehen und Wörter ersetzen kann man, wo"
      + " eine Zeile einen einzigen Satz enthält.",
    unpaired: "Die Zeilen von Text und Übersetzung passen nicht zueinander; darum lässt sich bei"
      + " diesem Wort nicht hineinsehen.",
    tooLongInside: "Dieser Satz ist zum Hineinsehen zu lang.",
    notAligned: "Zu diesem Wort gibt es nichts zu zeigen.",
    noInside: "Bei dieser Zeile ließ sich nicht hineinsehen.",
    instead: "Statt „{word}“",
    insteadAbout: "Statt „{word}“ · Konfidenz für den Satz",
    searching: "Wird gesucht …",
    noOther: "Hier fällt dem Modell nichts anderes ein.",
    files: "Eine Datei übersetzen",
    choose: "Datei auswählen",
    orDrop: "oder irgendwo auf dieser Seite ablegen.",
    formats: "Möglich sind {formats}.",
    wrongFormat: "Dateien dieser Art lassen sich nicht übersetzen. Möglich sind {formats}.",
    translating: "wird übersetzt …",
    download: "{name} herunterladen",
    ownServer: "Diese Seite spricht nur mit ihrem eigenen Server.",
    api: "API-Dokumentation",
    loading: "Wird geladen …",
    waiting: "Der Dienst ist ausgelastet. Neuer Versuch in {seconds} s …",
    refused: "Der Dienst konnte das nicht annehmen.",
    key403: "Der Dienst nimmt diesen API-Schlüssel nicht an.",
    missing404: "Der Dienst kennt diese Adresse nicht.",
    large413: "Das ist dem Dienst auf einmal zu viel.",
    many429: "Zu viele Anfragen. Bitte warten Sie einen Augenblick.",
    busy503: "Der Dienst ist ausgelastet. Bitte versuchen Sie es gleich noch einmal.",
    slow504: "Die Übersetzung hat zu lange gedauert. Bitte versuchen Sie es mit einem kürzeren"
      + " Text.",
    broken: "Im Dienst ist etwas schiefgegangen.",
    offline: "Der Dienst antwortet nicht. Bitte prüfen Sie die Verbindung.",
    lost: "{typed} fehlt oder ist verändert",
    already: "nicht übersetzt: Das ist anscheinend schon {language}.",
    foreign: "Das scheint weder Deutsch noch Englisch zu sein.",
    notUtf8: "{name} ist bei Byte {byte} kein UTF-8",
    tooLongHere: "Der Text hat {count} Zeichen; erlaubt sind {limit} auf einmal.",
  },
};

// What the service says in English, and the text above that says it in both languages.
const SAID = [
  [/^(?<typed>.+) is missing or changed$/su, "lost"],
  [/^left as it is: (?<code>\w+) already, it seems$/, "already"],
  [/^it seems to be neither German nor English$/, "foreign"],
  [/^(?<name>.+) is not UTF-8 at byte (?<byte>[\d,]+)$/su, "notUtf8"],
  [/^the text has (?<count>[\d,]+) characters, and (?<limit>[\d,]+) are allowed at a time$/,
    "tooLongHere"],
];

let language = kept("localStorage", "language");
if (!(language in TEXTS)) language = navigator.language.startsWith("de") ? "de" : "en";

/** The interface's language, "de" or "en". */
export function interfaceLanguage() {
  return language;
}

/** Changes to the other language of the interface and keeps it. */
export function switchLanguage() {
  language = language === "de" ? "en" : "de";
  keep("localStorage", "language", language);
}

/** A text of the table, with values in place of {names}. */
export function t(name, values = {}) {
  return TEXTS[language][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

/** Puts the texts of the table where the page names them. */
export function fillTexts() {
  document.documentElement.lang = language;
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]"))
    element.textContent = t(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]"))
    element.setAttribute("aria-label", t(element.dataset.label));
  for (const element of document.querySelectorAll("[data-title]"))
    element.title = t(element.dataset.title);
  for (const element of document.querySelectorAll("[data-hint]"))
    element.placeholder = t(element.dataset.hint);
}

/** 0.873 → "87 %" */
export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent" }).format(share);
}

/** 5000 → "5,000" */
export function number(value) {
  return new Intl.NumberFormat(language).format(value);
}

/** 1.3 → "+1.30" */
export function signed(value) {
  const style = { signDisplay: "exceptZero", minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return new Intl.NumberFormat(language, style).format(value);
}

/** The name of a language in the interface's language. */
export function nameOfLanguage(code, otherwise) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(code) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/**
 * What the service said, in the interface's language if there is a text for it.
 * @returns {{text: string, lang: string}} the text and the language it is in
 */
export function inInterface(sentence) {
  for (const [pattern, name] of SAID) {
    const found = pattern.exec(sentence);
    if (!found) continue;
    const values = { ...found.groups };
    for (const key of ["byte", "count", "limit"])
      if (key in values) values[key] = number(Number(values[key].replaceAll(",", "")));
    if (values.code) values.language = nameOfLanguage(values.code, values.code);
    return { text: t(name, values), lang: language };
  }
  return { text: sentence, lang: "en" };
}
