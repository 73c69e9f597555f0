// Makes pages live, and gives them keys. Everything works without it.
"use strict";
document.documentElement.classList.add("with-js");

// The server sends the page again when it has changed. Its live parts replace those that are shown, unless somebody writes, or marks text, in them.
const lost = document.getElementById("lost");
let stream;

function listen() {
  if (stream || document.hidden || !document.querySelector("main [data-live]")) return;
  stream = new EventSource("/live?at=" + encodeURIComponent(location.pathname + location.search));
  stream.onopen = () => { lost.hidden = true; };
  stream.onerror = () => {
    lost.hidden = false;
    if (stream && stream.readyState === EventSource.CLOSED) { // a browser that gave up
      leave();
      setTimeout(listen, 2000);
    }
  };
  stream.onmessage = (event) => show(new DOMParser().parseFromString(JSON.parse(event.data), "text/html"));
}

function leave() {
  if (stream) stream.close();
  stream = null;
}

function busy(part) {
  const marked = getSelection();
  return marked && !marked.isCollapsed && part.contains(marked.anchorNode);
}

function show(page) {
  document.title = page.title;
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = page.getElementById(old.id);
    if (!now || now.innerHTML === old.innerHTML || busy(old)) continue;
    const open = [...old.querySelectorAll("details")].map((d) => d.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((s) => s.scrollLeft);
    const at = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
    old.replaceChildren(...now.childNodes);
    old.querySelectorAll("details").forEach((d, i) => { d.open = open[i] || false; });
    old.querySelectorAll(".scroll").forEach((s, i) => { s.scrollLeft = scrolled[i] || 0; });
    if (at) [...old.querySelectorAll("a")].find((a) => a.getAttribute("href") === at)?.focus({ preventScroll: true });
  }
}

document.addEventListener("visibilitychange", () => document.hidden ? leave() : listen());
addEventListener("pagehide", leave);
addEventListener("pageshow", listen);

// Keys: / searches, g and a letter goes to a page, ? lists them.
let going = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (going) {
    going = false;
    const to = [...document.querySelectorAll("header nav a")].find((a) => a.dataset.key === event.key);
    if (to) {
      event.preventDefault();
      location.href = to.href;
    }
    return;
  }
  switch (event.key) {
    case "g":
      going = true;
      setTimeout(() => { going = false; }, 1500);
      break;
    case "/":
      event.preventDefault();
      document.getElementById("q").focus();
      break;
    case "?":
      document.getElementById("keys").showModal();
      break;
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-open]");
  if (!button) return;
  if (button.dataset.open) {
    document.getElementById(button.dataset.open).showModal();
    return;
  }
  const text = document.getElementById(button.dataset.copy).textContent;
  navigator.clipboard.writeText(text).then(() => { button.textContent = "Copied"; }, () => { button.textContent = "Not copied: mark it"; });
});
