// Before anything is painted, so that nobody who chose dark sees a white flash.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's scheme it is.
}
