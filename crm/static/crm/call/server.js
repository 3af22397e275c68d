// What the page asks of the server, and what it says when that fails.

import { cookie } from "../../audio/cookie.js";

const MOST_CONTACTS = 20;

/** What was not done, in words for whoever asked for it. `isStale`: somebody else was quicker. */
export class Refusal extends Error {
  constructor(message, { status = 0, code = "" } = {}) {
    super(message);
    Object.assign(this, { status, code });
  }

  get isStale() {
    return this.code === "stale_version";
  }
}

export class CallServer {
  /**
   * `call`, `view`, `contact` and `contacts` are addresses, the last two of whoever may choose the contact;
   * `csrfToken` is the page's, should the cookie be missing.
   */
  constructor({ call, view, contact, contacts, csrfToken }) {
    Object.assign(this, { call, view, contact, contacts, csrfToken });
  }

  /** All that the page shows; without what is said where that is known. */
  read({ withLines = true } = {}) {
    return this.#ask(withLines ? this.view : `${this.view}?lines=false`);
  }

  change(values, version) {
    return this.#ask(this.call, { method: "PATCH", body: { ...values, version } });
  }

  move(statusId, version) {
    return this.#ask(`${this.call}/move`, { method: "POST", body: { status_id: statusId, version } });
  }

  /** null: the call is nobody's. */
  chooseContact(contactId, version) {
    return this.#ask(this.contact, { method: "POST", body: { contact_id: contactId, version } });
  }

  /** The first of the company's contacts whom these lookups find: {q} or {phone}. */
  async findContacts(lookups) {
    return (await this.#ask(`${this.contacts}?${new URLSearchParams({ ...lookups, limit: MOST_CONTACTS })}`)).results;
  }

  remove() {
    return this.#ask(this.call, { method: "DELETE" });
  }

  /** `values`: {text}, {speaker} or both. */
  correct(segmentId, values, version) {
    const address = `${this.call}/segments/${encodeURIComponent(segmentId)}`;
    return this.#ask(address, { method: "PATCH", body: { ...values, version } });
  }

  rename(from, to, version) {
    return this.#ask(`${this.call}/speakers/rename`, { method: "POST", body: { from, to, version } });
  }

  judge(flagId, verdict) {
    const address = `${this.call}/flags/${encodeURIComponent(flagId)}/verdict`;
    return this.#ask(address, { method: "POST", body: { verdict } });
  }

  note(text) {
    return this.#ask(`${this.call}/notes`, { method: "POST", body: { text } });
  }

  async #ask(address, { method = "GET", body = null } = {}) {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = cookie("csrftoken") ?? this.csrfToken;
    // A changed call comes back without its conversation, which may be of hours.
    if (body) Object.assign(headers, { "Content-Type": "application/json", Prefer: "return=minimal" });
    let response;
    try {
      response = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
    } catch {
      throw new Refusal("The server cannot be reached. Nothing was changed; try again in a moment.");
    }
    if (response.status === 204) return null;
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new Refusal(wordsFor(response.status, answer.error), { status: response.status, code: answer.error?.code });
  }
}

function wordsFor(status, error) {
  if (status === 401) return "You are signed out. Sign in in another tab, then try again.";
  if (status === 403) return "Your role does not include this. Nothing was changed.";
  if (error?.code === "stale_version") return "Somebody else changed this call first, so nothing was written.";
  const [field] = Object.values(error?.fields ?? {});
  return [error?.message ?? `The server answered with error ${status}. Nothing was changed.`, ...(field ?? [])].join(" ");
}
