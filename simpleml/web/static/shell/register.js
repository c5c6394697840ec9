/**
 * Lets the browser keep the page that is shown when the server is gone (worker.js).
 *
 * Browsers have service workers over https and on localhost alone: over plain http on a class's
 * network there is none, and nothing to complain about.
 */

const { serviceWorker } = navigator;
if (serviceWorker) {
  const register = () => serviceWorker.register("/worker.js").catch(() => {});
  // What the page itself needs goes first.
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
