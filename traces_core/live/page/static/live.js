// What a page needs besides htmx: events of the server, pictures that follow them, keys.
"use strict";

(() => {
  const address = document.body.dataset.events;
  let source = null;

  const tell = (name) => document.body.dispatchEvent(new CustomEvent(`live-${name}`));

  // A picture is loaded aside first, so that none flickers.
  const renew = (shown) => {
    const next = new Image();
    next.onload = () => { shown.src = next.src; shown.classList.remove("missing"); };
    next.onerror = () => shown.classList.add("missing");
    next.src = `${shown.src.split("?")[0]}?${Date.now()}`;
  };
  document.body.addEventListener("live-cameras", () => document.querySelectorAll("img[data-live]").forEach(renew));

  const listen = () => {
    if (!address || source || document.hidden) return;
    source = new EventSource(address);
    // What changed before, or while the server was away, is not told again.
    source.onopen = () => { tell("cameras"); tell("alarms"); };
    for (const name of ["cameras", "alarms"]) source.addEventListener(name, () => tell(name));
  };
  // A page that nobody looks at holds no connection: a browser has only six of them for one server.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return listen();
    if (source) { source.close(); source = null; }
  });
  window.addEventListener("pagehide", () => { if (source) { source.close(); source = null; } });
  window.addEventListener("pageshow", listen);
  listen();

  // A clip is what the camera sent: not every browser plays every codec.
  const unplayable = (one) => {
    const said = one.parentElement.querySelector("[data-unplayable]");
    if (said) said.hidden = false;
  };
  document.addEventListener("error", (event) => event.target.matches?.("video") && unplayable(event.target), true);
  document.querySelectorAll("video").forEach((one) => one.error && unplayable(one));

  // Keys: what carries data-key is clicked; in a list j and k move.
  const isTyping = (one) => one.closest("input:not([type=range]), textarea, select, [contenteditable]");
  const step = (by) => {
    const rows = [...document.querySelectorAll("a[data-row]")];
    const at = rows.indexOf(document.activeElement);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    if (next) next.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    const meant = ["r", "f", "u", "j", "k"].includes(key) && document.querySelector(`[data-key="${key}"]`);
    if (meant) { event.preventDefault(); meant.click(); return; }
    if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  });

  // A session that ended, or a form that is too old: the whole page is loaded again.
  document.body.addEventListener("htmx:responseError", (event) => {
    if ([401, 403].includes(event.detail.xhr.status)) window.location.reload();
  });
})();
