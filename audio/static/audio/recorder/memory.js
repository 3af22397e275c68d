// Keeps what Keeping keeps, where the browser keeps nothing for us: for as long as the page is open. `addChunk` resolves to false: a reload loses it.

export class MemoryKeeping {
  constructor() {
    this.sessionsById = new Map();
    this.chunksByKey = new Map();
    this.bodiesByKey = new Map();
    this.notesById = new Map();
    this.lastNote = 0;
  }

  async sessions() {
    return [...this.sessionsById.values()];
  }

  async addSession(session) {
    this.sessionsById.set(session.id, { ...session });
  }

  async updateSession(id, changes) {
    if (this.sessionsById.has(id)) Object.assign(this.sessionsById.get(id), changes);
  }

  async forgetSession(id) {
    this.sessionsById.delete(id);
    for (const chunk of await this.chunks(id)) await this.remove(id, chunk.index);
    for (const note of await this.notes(id)) await this.removeNote(note.id);
  }

  async addChunk(chunk, body, next) {
    this.chunksByKey.set(key(chunk.sessionId, chunk.index), chunk);
    this.bodiesByKey.set(key(chunk.sessionId, chunk.index), body);
    await this.updateSession(chunk.sessionId, next);
    return false;
  }

  async chunks(sessionId) {
    return [...this.chunksByKey.values()].filter((chunk) => chunk.sessionId === sessionId);
  }

  async body(sessionId, index) {
    return this.bodiesByKey.get(key(sessionId, index));
  }

  async remove(sessionId, index) {
    this.chunksByKey.delete(key(sessionId, index));
    this.bodiesByKey.delete(key(sessionId, index));
  }

  async addOpen(sessionId, open, left) {
    await this.updateSession(sessionId, { left });
  }

  async openChunks() {
    return [];
  }

  async clearOpen() {}

  async addNote(note) {
    this.lastNote += 1;
    this.notesById.set(this.lastNote, { ...note, id: this.lastNote });
    return this.lastNote;
  }

  async notes(sessionId) {
    return [...this.notesById.values()].filter((note) => note.sessionId === sessionId);
  }

  async removeNote(id) {
    this.notesById.delete(id);
  }
}

function key(sessionId, index) {
  return `${sessionId}/${index}`;
}
