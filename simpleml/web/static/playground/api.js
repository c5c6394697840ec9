/** What the playground asks of the server; every failure is an ApiError. */

import { ApiError, call } from "../common/http.js";
import { events } from "../common/stream.js";

const address = (model) => `/${encodeURIComponent(model)}`;

/** @returns {Promise<Array<{name: string, curve: boolean, originality: boolean, fetchable: boolean}>>} */
export const models = async () => (await (await call("/api/models")).json()).models;

/** A model's card; the server loads the model on the way, so that its first text comes at once. */
export const card = async (model, signal) => (await call(address(model), { signal })).json();

/** How a model reads a seed: {changes, symbols, window}. */
export const encode = async (model, seed, signal) =>
  (await call("/api/encode", { body: { model, seed }, signal })).json();

/** What of a text stands in what a model has read: {copied_share, longest, passages, …}. */
export const originality = async (model, text, signal) =>
  (await call("/api/originality", { body: { model, text }, signal })).json();

/**
 * How many wait, and the place of the request of that id (null where it does not wait).
 * @param {string} request
 * @returns {Promise<{running: number, waiting: number, place: number | null}>}
 */
export const queue = async (request) => (await call(`/api/queue?request=${request}`)).json();

const textOf = (model) => `/v1/models/${encodeURIComponent(model)}/text`;

/** Whether what a model has read is on the server: {state, characters, progress, error, …}. */
export const text = async (model, signal) => (await call(textOf(model), { signal })).json();

/** Let the server fetch it; for those who may train. */
export const fetchText = async (model, signal) =>
  (await call(textOf(model), { method: "POST", keptAs: "simpleml-training-key", signal })).json();

/** How a model's training went: {curve, counting_bits}. */
export const curve = async (model, signal) =>
  (await call(`/api/models/${encodeURIComponent(model)}/curve`, { signal })).json();

/**
 * Generate and yield what the server sends; ends after `done`.
 * @param {string} model
 * @param {object} body the fields of POST /<model>
 * @param {AbortSignal} signal
 * @param {string} request an id, by which its place in the queue can be asked for
 * @returns {AsyncGenerator<{name: string, data: any}>}
 */
export async function* generate(model, body, signal, request) {
  const response = await call(address(model), {
    body: { ...body, stream: true },
    signal,
    request,
    // Errors before the stream begins come as JSON.
    accept: "text/event-stream, application/json;q=0.9",
  });
  try {
    for await (const event of events(response)) {
      if (event.name === "error") {
        throw ApiError.from(event.data.error);
      }
      yield event;
      if (event.name === "done") return;
    }
  } catch (error) {
    if (error instanceof ApiError || error.name === "AbortError") throw error;
    throw new ApiError("lost", error.message);
  }
  throw new ApiError("lost", "");
}
