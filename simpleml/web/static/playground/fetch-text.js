/** The text that a model has read, fetched for the server where it is missing: copies need it. */

import { $, announce, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { percent, say, tell } from "../common/i18n.js";
import * as api from "./api.js";

const LOOK_MILLISECONDS = 1000;
const place = () => $("copies-why");
let looking = new AbortController();
let offered = ""; // the model of which it is said now

/** Say nothing. */
export function hide() {
  looking.abort();
  offered = "";
  tell(place(), "");
}

/**
 * Say how what a model has read can come here; where whoever looks on may, offer to fetch it.
 * @param {string} name of the model
 * @param {() => void} came called once it is here
 */
export async function offer(name, came) {
  if (name === offered) return;
  hide();
  offered = name;
  const { signal } = (looking = new AbortController());
  try {
    const found = await api.text(name, signal);
    if (found.state === "fetching") await follow(name, came, signal);
    else show(name, found, came);
  } catch (error) {
    if (!signal.aborted) place().replaceChildren(...describe(error));
  }
}

/** What it takes, and the button or the line that does it. */
function show(name, found, came, failure = null) {
  const { characters: count, command } = found;
  const parts = [];
  if (found.error || failure) parts.push(tell(h("strong"), "fetch.failed"), " ");
  if (found.error) parts.push(h("span", { lang: "en" }, found.error), " ");
  const line = tell(h("span"), found.on_request && !failure ? "fetch.offer" : "fetch.command", { name, count });
  parts.push(line, " ");
  if (found.on_request && !failure) {
    const button = tell(h("button", { type: "button", class: "quiet" }), "fetch");
    button.addEventListener("click", () => fetchIt(name, came));
    parts.push(button);
  } else parts.push(h("code", {}, command));
  place().replaceChildren(...parts);
}

async function fetchIt(name, came) {
  const { signal } = looking;
  try {
    await api.fetchText(name, signal);
    await follow(name, came, signal);
  } catch (error) {
    if (signal.aborted) return;
    show(name, await api.text(name, signal), came, error);
  }
}

/** Say how far it is until it is here or failed. */
async function follow(name, came, signal) {
  for (;;) {
    const found = await api.text(name, signal);
    if (signal.aborted) return;
    if (found.state === "here") {
      announce(say("fetch.here", { name }));
      return came();
    }
    if (found.state !== "fetching") return show(name, found, came);
    tell(place(), "fetch.fetching", { name, share: percent(found.progress) });
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
  }
}
