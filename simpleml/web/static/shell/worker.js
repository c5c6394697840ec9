/**
 * The service worker: whole pages come from the server, and where that is gone, the offline page.
 * Nothing else is kept: what a page shows is always the server's. VERSION is put before this text
 * by the server and changes with the files that are kept.
 */

/* global VERSION */
const PAGE = "/offline";
const FILES = [PAGE, "/static/common/page.css", "/static/common/fields.css",
               "/static/playground/icon.svg", "/static/shell/offline.css", "/static/shell/offline.js"];

addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(VERSION);
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
    await skipWaiting();
  };
  event.waitUntil(keep());
});

addEventListener("activate", (event) => {
  const forget = async () => {
    const names = (await caches.keys()).filter((name) => name !== VERSION);
    await Promise.all(names.map((name) => caches.delete(name)));
    await clients.claim();
  };
  event.waitUntil(forget());
});

/** The server's answer, else what is kept under that name. */
async function answer(request, kept) {
  try {
    return await fetch(request);
  } catch (error) {
    const found = await caches.match(kept);
    if (found) return found;
    throw error;
  }
}

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.mode === "navigate") event.respondWith(answer(event.request, PAGE));
  else if (origin === location.origin && FILES.includes(pathname)) {
    event.respondWith(answer(event.request, pathname));
  }
});
