/** /class: come in with the key of the link, then pupil or teacher, and the wall. */

import * as dialogs from "../common/dialogs.js";
import { $, announce } from "../common/dom.js";
import { describe } from "../common/failures.js";
import * as http from "../common/http.js";
import * as i18n from "../common/i18n.js";
import * as preferences from "../common/preferences.js";
import * as server from "./server.js";
import * as teacher from "./teacher.js";
import * as wall from "./wall.js";

const LOOK_MILLISECONDS = 3000;

await i18n.start("class");
preferences.start();
dialogs.start();
wall.start();
http.onKeyNeeded(async () => {
  const key = await dialogs.askKey();
  if (key) http.keepClassKey(key);
  return key;
});

const link = new URLSearchParams(location.hash.slice(1));
if (link.has("k")) {
  http.keepClassKey(link.get("k"));
  history.replaceState(null, "", location.pathname); // the key need not stay in sight
}

let now = null;

function complain(error) {
  $("problem").replaceChildren(...(error ? describe(error) : []));
}

function show() {
  $("pupil").hidden = now.teacher;
  $("teacher").hidden = !now.teacher;
  $("paused").hidden = !now.paused;
  i18n.tell($("share"), "share", now);
  if (now.teacher) teacher.showRules(now);
}

async function look() {
  try {
    now = await server.about();
    show();
    wall.show(await server.wall());
    if (now.teacher) await teacher.look();
    complain(null);
  } catch (error) {
    complain(error);
  }
}

$("name-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    now = await server.rename($("name").value);
    $("name").value = now.name;
    i18n.tell($("name-hint"), "name.kept");
    announce(i18n.say("name.kept"));
  } catch (error) {
    complain(error);
  }
});
i18n.onLanguage(() => {
  wall.again();
  if (now) show();
});

await look();
if (now) {
  http.keepRole(now.teacher);
  $("name").value = now.name;
  if (now.teacher) await teacher.start({ done: look, failed: complain }).catch(complain);
}
setInterval(() => now && document.visibilityState === "visible" && look(), LOOK_MILLISECONDS);
document.documentElement.dataset.ready = "true";
