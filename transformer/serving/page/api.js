// Calls of the service. Addresses are relative to the page, so that it may lie under any path.

const LONGEST_WAIT = 30; // seconds; a Retry-After beyond it is an error at once

/** An answer that is an error. */
export class Refusal extends Error {
  /** @param {number} status of HTTP; 0 if there was no answer at all
   *  @param {string} sentence what the service said, in English; may be empty */
  constructor(status, sentence = "") {
    super(sentence || `status ${status}`);
    this.status = status;
    this.sentence = sentence;
  }
}

/** Whether an error only says that the call was given up. */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/** GET, for JSON. */
export function get(path, signal) {
  return call(path, { signal });
}

/**
 * POST of an object as JSON, or of a FormData as it is, for JSON.
 *
 * Busy (429, 503) is asked once more, after the seconds of Retry-After.
 * @param {(seconds: number) => void} onWait is told of it
 */
export function post(path, body, signal, onWait = () => {}) {
  const form = body instanceof FormData;
  const options = {
    method: "POST",
    headers: form ? {} : { "Content-Type": "application/json" },
    body: form ? body : JSON.stringify(body),
    signal,
  };
  return call(path, options, onWait);
}

async function call(path, options, onWait = () => {}) {
  let answer = await send(path, options);
  if (answer.status === 429 || answer.status === 503) {
    const seconds = Number(answer.headers.get("Retry-After") ?? 1);
    if (seconds >= 0 && seconds <= LONGEST_WAIT) {
      onWait(Math.ceil(seconds));
      await pause(seconds, options.signal);
      answer = await send(path, options);
    }
  }
  let found = null;
  try {
    found = await answer.json();
  } catch (error) {
    if (isAbort(error)) throw error;
    if (answer.ok) throw new Refusal(502);
  }
  if (!answer.ok) throw new Refusal(answer.status, found?.error);
  return found;
}

async function send(path, options) {
  try {
    return await fetch(new URL(path, document.baseURI), options);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new Refusal(0);
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}
