// The head of a call: what it is about, its status, who has it, and what can be done with all of it.

import { element, icon } from "../../audio/dom.js";
import { showDuration } from "../../audio/times.js";
import { whyNobody } from "./contact_picker.js";
import { badgeOf } from "./verdict.js";

const VERDICT_ICONS = { safe: "check", working: "dot", missing: "alert" };

export class Head {
  /**
   * `changes`: {subject(text), move(statusId), assign(personId), remove()}, each of which resolves when it is done and
   * rejects with a Refusal; `say(words)` tells of it; `onLeave()`: the call is gone.
   */
  constructor({ box, changes, say, onLeave }) {
    Object.assign(this, { box, changes, say, onLeave });
    this.call = null;
    this.heading = box.querySelector("h1");
    this.title = box.querySelector("#subject");
    this.status = box.querySelector("#status");
    this.assignee = box.querySelector("#assignee");
    this.subjectForm = box.querySelector("#subject-form");
    this.#listen();
  }

  show({ call, names, contact, verdict, recording }) {
    this.call = call;
    const title = titleOf(call);
    this.title.textContent = title;
    document.title = `${title} · Earshot`;
    this.#choose(this.status, call.status_id ?? "");
    this.#colorStatus();
    this.#choose(this.assignee, String(call.assigned_to_id ?? ""), names);
    const seconds = Math.max(call.duration, recording?.duration ?? 0);
    showDuration(this.box.querySelector("#duration"), seconds);
    this.#showPeople(call, names, contact);
    this.#showBadge(call, verdict);
    const live = this.box.querySelector("#note-live");
    if (live) live.hidden = call.status !== "in_progress";
    this.box.querySelector("#note-draft").hidden = !call.is_draft;
    this.box.querySelector("#note-estimated").hidden = !call.times_estimated;
  }

  #showPeople(call, names, contact) {
    const agent = names[call.user_id ?? call.owner_id] ?? "";
    this.#fact("who", agent);
    const box = this.box.querySelector("#contact");
    const name = contact?.name ?? call.external_user_id ?? "";
    if (box.textContent !== name) {
      const address = box.dataset.address;
      const shown = element("bdi", { textContent: name });
      const href = address?.replace("/0/", `/${contact?.id}/`);
      box.replaceChildren(address && contact ? element("a", { href }, shown) : shown);
    }
    const phone = call.phone && call.phone !== name ? call.phone : "";
    const why = whyNobody(call, contact);
    for (const [id, text] of [["phone", phone], ["contact-why", why]]) {
      const part = this.box.querySelector(`#${id}`);
      part.textContent = text;
      part.hidden = !text;
    }
    const choose = this.box.querySelector("#contact-choose");
    if (choose) choose.textContent = contact ? "Change" : "Choose";
    box.hidden = !name;
    box.closest("div").hidden = !name && !phone && !choose;
  }

  #fact(id, text) {
    const box = this.box.querySelector(`#${id}`);
    if (box.textContent !== text) box.textContent = text;
    box.closest("div").hidden = !text;
  }

  #showBadge(call, verdict) {
    const badge = this.box.querySelector("#verdict-badge");
    const told = badgeOf(call, verdict);
    badge.hidden = !told;
    if (!told || badge.dataset.said === told.text) return;
    Object.assign(badge.dataset, { tone: told.tone, said: told.text });
    badge.replaceChildren(icon(VERDICT_ICONS[told.tone]), element("span", { textContent: told.text }));
  }

  #colorStatus() {
    const dot = this.status?.parentElement.querySelector("circle");
    dot?.setAttribute("fill", this.status.selectedOptions[0]?.dataset.color ?? "none");
  }

  /** A value that a list does not have is added: a status that was deleted, somebody who has left. */
  #choose(select, value, names = {}) {
    if (!select) return;
    if (select.tagName !== "SELECT") {
      select.textContent = names[value] ?? select.dataset[`name${value}`] ?? select.textContent;
      return;
    }
    if (![...select.options].some((option) => option.value === value)) {
      select.append(new Option(names[value] ?? "Not in the list any more", value));
    }
    select.value = value;
    select.dataset.value = value;
  }

  #listen() {
    this.status?.addEventListener("change", () => this.#change(this.status, (value) => this.changes.move(value || null)));
    this.assignee?.addEventListener("change", () =>
      this.#change(this.assignee, (value) => this.changes.assign(value ? Number(value) : null)),
    );
    this.box.querySelector("#subject-edit")?.addEventListener("click", () => this.editSubject());
    this.heading.addEventListener("dblclick", () => this.editSubject());
    this.subjectForm?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#saveSubject();
    });
    this.subjectForm?.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#closeSubject();
    });
    this.subjectForm?.addEventListener("focusout", ({ relatedTarget }) => {
      const field = this.subjectForm.elements.subject;
      // Who leaves it without having changed anything is done with it.
      if (!this.subjectForm.contains(relatedTarget) && field.value === this.call.subject) this.#closeSubject();
    });
    const dialog = document.getElementById("remove");
    this.box.querySelector("#remove-button")?.addEventListener("click", () => dialog.showModal());
    dialog?.addEventListener("close", () => {
      if (dialog.returnValue === "remove") this.#remove();
      dialog.returnValue = "";
    });
  }

  async #change(select, act) {
    const wanted = select.value;
    select.disabled = true;
    try {
      await act(wanted);
    } catch (refusal) {
      select.value = this.call ? this.#valueOf(select) : select.dataset.value;
      this.say(refusal.message);
    } finally {
      select.disabled = false;
      select.focus();
    }
  }

  #valueOf(select) {
    return String((select === this.status ? this.call.status_id : this.call.assigned_to_id) ?? "");
  }

  editSubject() {
    if (!this.subjectForm || !this.call || !this.subjectForm.hidden) return;
    this.heading.hidden = true;
    this.subjectForm.hidden = false;
    this.subjectForm.elements.subject.value = this.call.subject;
    this.subjectForm.elements.subject.select();
  }

  async #saveSubject() {
    const subject = this.subjectForm.elements.subject.value.trim();
    if (subject === this.call.subject) return this.#closeSubject();
    try {
      await this.changes.subject(subject);
      this.#closeSubject();
    } catch (refusal) {
      this.say(refusal.isStale ? "Somebody else changed this call first. What you wrote is still here: save it again." : refusal.message);
    }
  }

  #closeSubject() {
    const hadFocus = this.subjectForm.contains(document.activeElement);
    this.subjectForm.hidden = true;
    this.heading.hidden = false;
    if (hadFocus) this.box.querySelector("#subject-edit")?.focus();
  }

  async #remove() {
    try {
      await this.changes.remove();
    } catch (refusal) {
      this.say(refusal.message);
      return;
    }
    this.onLeave();
  }
}

export function titleOf(call) {
  return call.subject.trim() || `Call ${call.id}`;
}
