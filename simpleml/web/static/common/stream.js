/** Server-sent events out of a fetch, which unlike EventSource can POST and be stopped. */

/**
 * The events of a response, as they come.
 * @param {Response} response
 * @returns {AsyncGenerator<{name: string, data: any}>} data is parsed JSON
 */
export async function* events(response) {
  const reader = response.body.getReader();
  // A character whose bytes part at the end of a chunk is held back until it is whole.
  const decoder = new TextDecoder();
  let waiting = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      waiting += decoder.decode(value, { stream: true });
      const frames = waiting.split("\n\n");
      waiting = frames.pop();
      for (const frame of frames) {
        const event = parse(frame);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // leaving early frees the server's place
  }
}

/**
 * One frame; null for a comment, which only keeps the connection open.
 * @param {string} frame
 */
export function parse(frame) {
  let name = "message";
  const data = [];
  for (const line of frame.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length ? { name, data: JSON.parse(data.join("\n")) } : null;
}
