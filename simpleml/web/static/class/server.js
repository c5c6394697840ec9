/** What the pages of a class ask of the server; every failure is an ApiError. */

import { call } from "../common/http.js";

const ROOT = "/api/class";

const get = async (path = "") => (await call(ROOT + path)).json();
const post = async (path, body) => (await call(ROOT + path, { body })).json();

export const about = () => get();
export const rename = (name) => post("/name", { name });

export const wall = async () => (await get("/wall")).texts;
/** @param {{text: string, seed: string, model: string, temperature: number, author: string, recipe: string}} text */
export const publish = (text) => post("/wall", text);
export const takeDown = async (id) =>
  (await (await call(`${ROOT}/wall/${id}`, { method: "DELETE" })).json()).texts;

export const invitation = () => get("/invitation");
export const overview = () => get("/overview");
/** @param {Record<string, any>} changes what is left out stays */
export const rule = (changes) => post("/rules", changes);
export const stop = (visitor = "") => post("/stop", { visitor });
/** @param {"wall" | "names" | "trainings"} what */
export const clear = (what) => post("/clear", { [what]: true });

const training = (name) => `/v1/train/${encodeURIComponent(name)}`;
export const stopTraining = (name) => call(`${training(name)}/cancel`, { method: "POST" });
export const deleteTraining = (name) => call(training(name), { method: "DELETE" });
