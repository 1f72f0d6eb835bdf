// The model card, in a dialog.

import { get } from "./api.js";
import { t } from "./texts.js";

/**
 * @param {() => {source: string, target: string}} direction whose card it is
 * @param {(error: Error) => string} inWords
 */
export function offerCard(direction, inWords) {
  const dialog = document.getElementById("card");
  const body = document.getElementById("card-body");

  document.getElementById("card-open").addEventListener("click", async () => {
    body.removeAttribute("lang");
    body.textContent = t("loading");
    dialog.showModal();
    try {
      const { html } = await get(`card?${new URLSearchParams(direction())}`);
      body.lang = "en";
      body.innerHTML = html; // the service makes it from Markdown, with raw HTML off
    } catch (error) {
      body.textContent = inWords(error);
      return;
    }
    for (const link of body.querySelectorAll("a[href]")) {
      link.target = "_blank"; // or what was typed would be lost
      link.rel = "noopener noreferrer";
    }
    for (const head of body.querySelectorAll("thead"))
      if (!head.textContent.trim()) head.remove(); // Markdown has no table without one
    body.scrollTop = 0;
  });
  document.getElementById("card-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}
