// The theme that was chosen, before anything is drawn; without one the system's holds.
"use strict";
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch (error) { /* storage is forbidden: the system's theme holds */ }
