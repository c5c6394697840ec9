/** What the page of trainings asks of the server; every failure is an ApiError. */

import { ApiError, call } from "../common/http.js";
import { events } from "../common/stream.js";

const KEPT_AS = "simpleml-training-key";
const ROOT = "/v1/train";

const ask = (path, how = {}) => call(path, { keptAs: KEPT_AS, ...how });
const address = (name) => `${ROOT}/${encodeURIComponent(name)}`;
const query = (options) => new URLSearchParams(options).toString();

/** @returns {Promise<{trainings: any[], max_bytes: number, problem: string}>} */
export const list = async () => (await ask(ROOT)).json();

/** A training in full. @param {string} name */
export const training = async (name) => (await ask(address(name))).json();

/** A text, or files of any kind, as the body of a request. @param {string | File[]} content */
function body(content) {
  if (typeof content === "string") return { body: content, type: "text/plain; charset=utf-8" };
  const form = new FormData();
  for (const file of content) form.append("text", file);
  return { body: form };
}

/** What is in files. @param {File[]} files @param {AbortSignal} signal */
export const read = async (files, signal) =>
  (await ask(`${ROOT}/read`, { ...body(files), signal })).json();

/**
 * Whether a text is enough and how long it will take.
 * @param {string | File[]} content
 * @param {Record<string, any>} options
 * @param {AbortSignal} signal
 */
export const check = async (content, options, signal) =>
  (await ask(`${ROOT}/check?${query(options)}`, { ...body(content), signal })).json();

/** Start one. @param {string | File[]} content @param {Record<string, any>} options with a name */
export const start = async (content, options) =>
  (await ask(`${ROOT}?${query(options)}`, body(content))).json();

/** Bring in a model. @param {File} file a zip @param {string} name its own if empty */
export const bring = async (file, name) =>
  (
    await ask(`/v1/models/import?${query(name ? { name } : {})}`, {
      body: file,
      type: "application/zip",
    })
  ).json();

/** Remove a model that was brought in. @param {string} name */
export const removeBrought = async (name) =>
  (await ask(`/v1/models/import/${encodeURIComponent(name)}`, { method: "DELETE" })).json();

export const cancel = async (name) =>
  (await ask(`${address(name)}/cancel`, { method: "POST" })).json();

/** Go on. @param {string} name @param {Record<string, any>} options max_minutes, or none */
export const resume = async (name, options = {}) =>
  (await ask(`${address(name)}/resume?${query(options)}`, { method: "POST" })).json();

export const remove = async (name) => (await ask(address(name), { method: "DELETE" })).json();

/**
 * How a training stands, again whenever that changes, until it is over.
 * @param {string} name
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<any>}
 */
export async function* watch(name, signal) {
  const response = await ask(`${address(name)}/events`, { signal, accept: "text/event-stream" });
  for await (const { data } of events(response)) {
    if (data.error) throw ApiError.from(data.error);
    yield data;
  }
}
