// Whose call it is, said by a person: those who have its phone first, anybody else by searching.

import { element } from "../../audio/dom.js";

const TYPING_MS = 200;

export class ContactPicker {
  /**
   * `onFind(lookups)` resolves with contacts, {id, names, phones, emails}; `onChoose(contactId)`, null for nobody,
   * when it is done. Both reject with a Refusal.
   */
  constructor({ dialog, onFind, onChoose }) {
    Object.assign(this, { dialog, onFind, onChoose });
    this.field = dialog.querySelector("input");
    this.choices = dialog.querySelector(".contact-choices");
    this.told = dialog.querySelector(".contact-told");
    this.problem = dialog.querySelector(".field-error");
    this.nobody = dialog.querySelector(".contact-nobody");
    this.asked = 0;
    this.timer = null;
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#find(), TYPING_MS);
    });
    this.nobody.addEventListener("click", () => this.#choose(null));
    dialog.querySelector("[data-closes]").addEventListener("click", () => dialog.close());
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.timer);
      this.#find();
    });
  }

  /** `call` is the call, {phone, contact_id}. */
  open({ phone, contact_id: contactId }) {
    Object.assign(this, { phone, contactId });
    this.field.value = "";
    this.nobody.hidden = contactId === null;
    this.problem.hidden = true;
    this.choices.replaceChildren();
    this.dialog.showModal();
    this.field.focus();
    this.#find();
  }

  async #find() {
    const text = this.field.value.trim();
    const asked = (this.asked += 1);
    if (!text && !this.phone) return this.#show([], "Type how a name, a phone or an e-mail begins.");
    try {
      const found = await this.onFind(text ? { q: text } : { phone: this.phone });
      // What was typed since is asked for already.
      if (asked !== this.asked) return;
      this.#show(found, found.length ? "" : text ? "No contact is found by this." : `No contact has the phone ${this.phone}.`);
    } catch (refusal) {
      if (asked === this.asked) this.#refused(refusal);
    }
  }

  #show(found, words) {
    this.problem.hidden = true;
    this.told.textContent = words;
    this.choices.replaceChildren(...found.map((contact) => element("li", {}, this.#buttonOf(contact))));
  }

  #buttonOf(contact) {
    const [name, ...others] = [...contact.names, ...contact.emails, ...contact.phones];
    const more = contact.names.length ? [...contact.phones, ...contact.emails] : others;
    const button = element(
      "button",
      { type: "button", className: "contact-choice" },
      element("bdi", { textContent: name ?? `Contact ${contact.id}` }),
      element("span", { className: "muted", textContent: more.slice(0, 2).join(" · ") }),
    );
    if (contact.id === this.contactId) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => this.#choose(contact.id));
    return button;
  }

  async #choose(contactId) {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      await this.onChoose(contactId);
      this.dialog.close();
    } catch (refusal) {
      this.#refused(refusal);
    } finally {
      this.isBusy = false;
    }
  }

  #refused(refusal) {
    this.problem.textContent = refusal.isStale
      ? "Somebody else has chosen a contact first. Look whether it is right, then choose again."
      : refusal.message;
    this.problem.hidden = false;
  }
}

/** Why a call shows no contact; empty where it does, or where nothing is known that could find one. */
export function whyNobody(call, contact) {
  if (contact || (!call.phone && !call.external_user_id)) return "";
  if (call.contact_match === "several") return "Several contacts have this phone";
  return call.external_user_id ? "" : "Unknown caller";
}
