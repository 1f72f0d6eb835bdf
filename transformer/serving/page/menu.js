// The menu of what could stand in place of a word.

import { isAbort } from "./api.js";
import { percent, t } from "./texts.js";

/**
 * @param {object} parts popup, note and menu: its elements
 * @param {(error: Error) => string} inWords
 * @returns {{open: Function, tell: Function, close: Function, isOpen: Function}}
 */
export function createMenu({ popup, note, menu }, inWords) {
  let opener = null;
  let waiting = null;

  function close({ restoreFocus = false } = {}) {
    if (!opener) return;
    waiting?.abort();
    const before = opener;
    opener = null;
    before.setAttribute("aria-expanded", "false");
    popup.hidden = true;
    if (restoreFocus) before.focus();
  }

  function say(text) {
    note.textContent = text;
  }

  /** Opens it with a sentence and nothing to choose from. */
  function tell(word, text) {
    close();
    opener = word;
    waiting = new AbortController();
    word.setAttribute("aria-expanded", "true");
    menu.hidden = true;
    say(text);
    place(popup, word);
  }

  /**
   * @param {HTMLElement} word what the menu belongs to
   * @param {string} lang of what is offered
   * @param {(signal: AbortSignal) => Promise<{rest: string, confidence: number}[]>} find
   * @param {(i: number) => void} choose
   */
  async function open(word, lang, find, choose) {
    tell(word, t("searching"));
    const { signal } = waiting;
    menu.setAttribute("aria-label", t("instead", { word: word.textContent }));
    let found;
    try {
      found = await find(signal);
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) say(inWords(error));
      return;
    }
    if (signal.aborted) return;
    if (!found.length) return say(t("noOther"));
    menu.replaceChildren(...found.map((one, i) => item(one, lang, () => {
      close();
      choose(i);
    })));
    say(t("insteadAbout", { word: word.textContent }));
    menu.hidden = false;
    place(popup, word);
    menu.firstChild.focus();
    popup.scrollIntoView({ block: "nearest" });
  }

  menu.addEventListener("keydown", (event) => {
    const items = [...menu.children];
    const at = items.indexOf(document.activeElement);
    const to = {
      ArrowDown: (at + 1) % items.length,
      ArrowUp: (at - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items[to].focus();
  });
  document.addEventListener("keydown", (event) => {
    if (!opener || (event.key !== "Escape" && event.key !== "Tab")) return;
    if (event.key === "Escape") event.preventDefault();
    close({ restoreFocus: true });
  });
  document.addEventListener("pointerdown", (event) => {
    if (opener && !popup.contains(event.target) && !opener.contains(event.target)) close();
  });

  return { open, tell, close, isOpen: (word) => opener !== null && opener === word };
}

function item({ rest, confidence }, lang, choose) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "menuitem");
  button.tabIndex = -1;
  const text = document.createElement("span");
  text.lang = lang;
  text.className = "rest";
  const first = document.createElement("strong");
  [first.textContent] = rest.match(/^\s*\S+/) ?? [rest];
  text.append(first, rest.slice(first.textContent.length));
  const share = document.createElement("span");
  share.className = "quiet share";
  share.textContent = percent(confidence);
  button.append(text, " ", share);
  button.addEventListener("click", choose);
  return button;
}

function place(popup, word) {
  popup.hidden = false;
  const panel = popup.offsetParent.getBoundingClientRect();
  const box = word.getClientRects()[0] ?? word.getBoundingClientRect();
  const room = panel.width - popup.offsetWidth - 8;
  popup.style.left = `${Math.max(8, Math.min(box.left - panel.left - 8, room))}px`;
  popup.style.top = `${box.bottom - panel.top + 6}px`;
}
