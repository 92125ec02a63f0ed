// Keys and the theme. Every key follows a link of the page: nothing here is needed to use it.
"use strict";
(() => {
  const help = document.getElementById("help");
  let rows = [], current = -1;

  const mark = (index) => {
    if (!rows.length) return;
    if (current >= 0) rows[current].classList.remove("current");
    current = Math.max(0, Math.min(rows.length - 1, index));
    rows[current].classList.add("current");
    rows[current].scrollIntoView({ block: "nearest" });
    const link = rows[current].querySelector("[data-open]");
    if (link) link.focus({ preventScroll: true });
  };
  const flip = (by) => {
    const places = rows.flatMap((row, i) => (row.hasAttribute("data-flip") ? [i] : []));
    const next = by > 0 ? places.find((i) => i > current) : places.reverse().find((i) => i < current);
    if (next !== undefined) mark(next);
  };
  const follow = (key) => {
    const link = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (link) link.click();
    return Boolean(link);
  };
  const moves = { j: () => mark(current + 1), k: () => mark(current - 1), n: () => flip(1), p: () => flip(-1) };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const field = event.target.closest("input, select, textarea");
    if (field && field.type !== "checkbox") {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (help.open) return;
    if (event.key === "?") help.showModal();
    else if (event.key === "/" && document.querySelector("[data-search]")) {
      const search = document.querySelector("[data-search]");
      search.focus();
      search.select();
    } else if (event.key === "h" && document.getElementById("history")) {
      const history = document.getElementById("history");
      history.scrollIntoView({ block: "center" });
      history.focus({ preventScroll: true });
    } else if (event.key === "m" && document.getElementById("note")) {
      const note = document.getElementById("note");
      note.open = true;
      note.scrollIntoView({ block: "center" });
      (note.querySelector("input:not([type=hidden])") || note).focus({ preventScroll: true });
    } else if (!follow(event.key)) {
      if (!rows.length || !moves[event.key]) return;
      moves[event.key]();
    }
    event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (!row || !rows.includes(row)) return;
    if (current >= 0) rows[current].classList.remove("current");
    current = rows.indexOf(row);
    row.classList.add("current");
  });

  // A search that goes on: its page is asked for again, and the list put in place of the old one.
  const again = async () => {
    const old = document.getElementById("questions");
    try {
      const reply = await fetch(location.href);
      const made = new DOMParser().parseFromString(await reply.text(), "text/html");
      const list = made.getElementById("questions");
      if (list && !(old.contains(document.activeElement) && document.activeElement.closest("form"))) {
        old.replaceWith(document.adoptNode(list));
        begin();
      } else if (list) setTimeout(again, 1000);
    } catch (error) { /* the link beside the count does the same */ }
  };
  const begin = () => {
    rows = [...document.querySelectorAll("[data-row]")];
    current = -1;
    if (document.querySelector("[data-unfinished]")) setTimeout(again, 700);
  };
  begin();

  const keys = document.getElementById("keys");
  keys.hidden = false;
  keys.addEventListener("click", () => help.showModal());
  const theme = document.getElementById("theme");
  theme.hidden = false;
  const dark = () => document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const name = () => { theme.title = theme.ariaLabel = dark() ? "Light theme" : "Dark theme"; };
  name();
  theme.addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch (error) { /* it holds for this page */ }
    name();
  });
})();
