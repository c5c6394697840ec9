/** How the pages ask the server. Every failure is an ApiError that says what kind it is. */

const KEY = "simpleml-key";
const CLASS_KEY = "simpleml-class-key";
const TEACHER = "simpleml-teacher";

/** Keep the key of a class, in this browser until there is another one. @param {string} key */
export const keepClassKey = (key) => localStorage.setItem(CLASS_KEY, key);

/** Keep whether that key is the teacher's; the server asks for it all the same. */
export function keepRole(teacher) {
  if (teacher) localStorage.setItem(TEACHER, "1");
  else localStorage.removeItem(TEACHER);
}

export const isTeacher = () => localStorage.getItem(TEACHER) === "1";

/** The key to call with: what the visitor typed in this tab, else that of the class. */
const keyOf = (keptAs) => sessionStorage.getItem(keptAs) ?? localStorage.getItem(CLASS_KEY);

export class ApiError extends Error {
  /**
   * @param {string} code as the server names it, or "offline" (no answer), "lost" (cut off)
   * @param {string} message the server's own words
   * @param {number} [status]
   * @param {number} [retryAfter] seconds
   */
  constructor(code, message, status = 0, retryAfter = 0) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    /** Which of the errors with this code it is, where the server tells. */
    this.reason = "";
    /** @type {Record<string, any>} what the words for that reason name */
    this.params = {};
  }

  /**
   * @param {{code?: string, message: string, reason?: string, params?: object}} error as the server
   *     sends it
   * @param {number} [status]
   * @param {number} [wait] seconds
   */
  static from({ code, message, reason = "", params = {} }, status, wait) {
    return Object.assign(new ApiError(code ?? "other", message, status, wait), { reason, params });
  }

  /** Whether the same request may well succeed a little later. */
  get passing() {
    const offline = this.code === "offline" || this.code === "lost";
    return offline || [429, 502, 503].includes(this.status);
  }
}

/** Asks the visitor for a key; set by the page. @type {(wrong: boolean) => Promise<string>} */
let askForKey = async () => "";
export const onKeyNeeded = (ask) => {
  askForKey = ask;
};

/** Whether this tab calls with a key. */
export const hasKey = () => Boolean(keyOf(KEY));

/**
 * Ask the server, with the key of this tab; where one is missing or wrong, ask the visitor for it.
 * @param {string} path
 * @param {object} [how] `body` is sent as JSON unless `type` says what it is; `keptAs` is the name
 *     under which the tab keeps the key
 */
export async function call(path, how = {}) {
  const { body, signal, request, accept = "application/json", type = "", keptAs = KEY } = how;
  const { method = body ? "POST" : "GET" } = how;
  for (;;) {
    const headers = { Accept: accept };
    const key = keyOf(keptAs);
    if (key) headers.Authorization = `Bearer ${key}`;
    if (request) headers["X-Request-Id"] = request;
    const form = body instanceof FormData; // it says its type itself
    if (body && !form) headers["Content-Type"] = type || "application/json";
    let response;
    try {
      response = await fetch(path, {
        method,
        headers,
        body: type || form ? body : body && JSON.stringify(body),
        signal,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("offline", error.message);
    }
    if (response.ok) return response;
    const failure = await toError(response);
    if (response.status !== 401) throw failure;
    const given = await askForKey(Boolean(key)); // again, where that key was wrong
    if (!given) throw failure;
    sessionStorage.setItem(keptAs, given);
  }
}

async function toError(response) {
  const wait = Number(response.headers.get("Retry-After")) || 0;
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text);
    return ApiError.from(error, response.status, wait);
  } catch {
    // a proxy in between, or an answer made for plain clients
    return new ApiError("other", text.slice(0, 300), response.status, wait);
  }
}
