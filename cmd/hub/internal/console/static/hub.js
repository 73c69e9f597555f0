// Makes pages live, and gives them keys. Everything works without it.
"use strict";
document.documentElement.classList.add("with-js");

// The server sends the page again when it has changed. What differs in its live parts is put in place, and nothing else is touched: what somebody
// marks, opens or is about to click stays as it is.
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

function show(page) {
  document.title = page.title;
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = page.getElementById(old.id);
    if (now) patch(old, now);
  }
  reach();
}

// What is wider or longer than its box can be scrolled by keys in every browser.
function reach() {
  for (const box of document.querySelectorAll(".scroll, .body")) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    else if (!box.role) box.removeAttribute("tabindex");
  }
}
reach();
addEventListener("resize", reach);

function patch(old, now) {
  if (old.isEqualNode(now)) return;
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName) {
    old.replaceWith(now.cloneNode(true));
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    old.data = now.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (name !== "open" && name !== "tabindex" && !now.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const was = [...old.childNodes];
  now.childNodes.forEach((node, i) => was[i] ? patch(was[i], node) : old.append(node.cloneNode(true)));
  was.slice(now.childNodes.length).forEach((node) => node.remove());
}

document.addEventListener("visibilitychange", () => document.hidden ? leave() : listen());
addEventListener("pagehide", leave);
addEventListener("pageshow", listen);

// Keys: / searches, g and a letter goes to a page, ? lists them.
let going = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select") || !document.getElementById("keys")) return;
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
