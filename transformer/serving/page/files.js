// Files: chosen or dropped, translated, to be downloaded.

import { post } from "./api.js";
import { t } from "./texts.js";

/**
 * @param {string[]} formats endings such as ".txt"
 * @param {() => object | null} fields of a request besides the file; null if nothing may be sent
 * @param {(error: Error) => string} inWords
 */
export function acceptFiles(formats, fields, inWords) {
  const input = document.getElementById("file");
  const made = document.getElementById("made");
  input.accept = formats.join(",");
  document.getElementById("files").hidden = false;

  async function translate(file) {
    const values = fields();
    if (!values) return;
    const entry = document.createElement("li");
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = file.name;
    const state = document.createElement("span");
    state.className = "quiet";
    entry.append(name, " ", state);
    made.prepend(entry);
    if (!formats.some((ending) => file.name.toLowerCase().endsWith(ending))) {
      state.className = "problem";
      state.textContent = t("wrongFormat", { formats: formats.join(", ") });
      return;
    }
    state.textContent = t("translating");
    const form = new FormData();
    form.append("file", file);
    for (const [key, value] of Object.entries(values)) form.append(key, value);
    const onWait = (seconds) => { state.textContent = t("waiting", { seconds }); };
    try {
      const { translatedFileUrl } = await post("translate_file", form, undefined, onWait);
      // Only its last part: behind a proxy the service may not know its own address.
      const place = new URL(translatedFileUrl, document.baseURI).pathname.split("/").at(-1);
      const link = document.createElement("a");
      link.href = `download_file/${place}`;
      link.download = file.name.replace(/(\.[^.]*)?$/, `.${values.target}$1`);
      link.textContent = t("download", { name: link.download });
      state.replaceWith(link);
    } catch (error) {
      state.className = "problem";
      state.textContent = inWords(error);
    }
  }

  async function translateAll(files) {
    for (const file of files) await translate(file);
  }

  input.addEventListener("change", () => {
    translateAll([...input.files]);
    input.value = "";
  });
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    translateAll([...event.dataTransfer.files]);
  });
}
