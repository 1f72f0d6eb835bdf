// Storage may be blocked; then a choice lasts as long as the page.

/** What was kept under a name, or null. */
export function kept(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a string in "localStorage" or "sessionStorage". */
export function keep(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    return;
  }
}
