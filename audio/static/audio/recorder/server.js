// The session as the server knows it: one request a method, each resolving to {status, answer, retryAfter}.
//
// Uploads carry an upload token and no cookie, so that they outlive the sign-in; only making the session, and the
// first token, take the cookie.

import { contentDigest } from "./digest.js";

/** A slow line brings a chunk through in this time, a dead one is given up. */
export const PATIENCE_MS = 120_000;

export class SessionServer {
  /**
   * `base`: where the server is, such as `https://earshot.example`. `csrfToken()`: given on pages of its own, which
   * may use the cookie. `token`: an upload token that is there already. `onToken(token)` when there is a new one.
   */
  constructor({ base, sessionId, csrfToken = null, token = null, onToken = () => {}, fetch = globalThis.fetch.bind(globalThis) }) {
    Object.assign(this, { base, sessionId, csrfToken, token, onToken, fetch });
  }

  get address() {
    return `${this.base}/api/audio/sessions/${this.sessionId}`;
  }

  create(session) {
    return this.#ask(`${this.base}/api/audio/sessions`, { ...this.#posted({ ...session, id: this.sessionId }), byCookie: true });
  }

  read() {
    return this.#ask(this.address, {});
  }

  /** {status, chunks}: the newest that are stored, as the server describes them. */
  async chunks() {
    const { status, answer } = await this.#ask(`${this.address}/chunks?limit=1000`, {});
    return { status, chunks: answer.results ?? [] };
  }

  /** A new upload token, by the one there is, or else by the cookie. */
  async renew() {
    const byToken = this.token ? await this.#ask(`${this.address}/upload-token`, this.#posted({})) : null;
    const isRefused = byToken === null || byToken.status === 401 || byToken.status === 403;
    const answered =
      isRefused && this.csrfToken
        ? await this.#ask(`${this.address}/upload-token`, { ...this.#posted({}), byCookie: true })
        : (byToken ?? { status: 401, answer: {} });
    if (answered.answer.token) {
      this.token = answered.answer.token;
      this.onToken(this.token);
    }
    return answered;
  }

  putChunk(chunk, body) {
    const headers = {
      "Content-Type": chunk.contentType,
      "Content-Digest": contentDigest(chunk.digest),
      "X-Start-Time": String(chunk.startTime),
      "X-Captured-At": chunk.capturedAt,
      ...(chunk.rate ? { "X-Sample-Range": `${chunk.first}-${chunk.end - 1}/${chunk.rate}` } : {}),
    };
    return this.#ask(`${this.address}/chunks/${chunk.index}`, { method: "PUT", headers, body });
  }

  /** `kind`: "gaps" or "consent". */
  tell(kind, values) {
    return this.#ask(`${this.address}/${kind}`, this.#posted(values));
  }

  complete(total) {
    return this.#ask(`${this.address}/complete`, this.#posted({ total_chunks: total }));
  }

  #posted(values) {
    return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) };
  }

  async #ask(address, { headers = {}, byCookie = false, ...request }) {
    const proof = byCookie
      ? { "X-CSRFToken": this.csrfToken() }
      : this.token
        ? { Authorization: `Bearer ${this.token}` }
        : {};
    const response = await this.fetch(address, {
      ...request,
      headers: { Accept: "application/json", ...headers, ...proof },
      credentials: byCookie ? "same-origin" : "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const retryAfter = Number(response.headers.get("Retry-After")) || 0;
    return { status: response.status, answer: await response.json().catch(() => ({})), retryAfter };
  }
}
