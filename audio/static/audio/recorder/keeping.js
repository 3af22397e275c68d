// What is kept on this device until the server has it: sessions, chunks, the beginning of the next chunk, notes.
//
// A chunk is removed by `remove` alone, which its sender calls once the server has acknowledged it with its digest.

const NAME = "earshot-recorder";
const VERSION = 1;
const STORES = {
  sessions: { keyPath: "id" },
  /** What is known of each chunk; its bytes are apart, so that a list of chunks does not load them. */
  chunks: { keyPath: ["sessionId", "index"] },
  bodies: {},
  /** Packets of the chunk being filled, in parts as they came. */
  open: { keyPath: ["sessionId", "index", "part"] },
  /** Gaps and consent that the server is to be told. */
  notes: { keyPath: "id", autoIncrement: true },
};
const LAST = Infinity;

export class Keeping {
  /** Raises where the browser keeps nothing, as some do in private windows. */
  static async ofBrowser(factory = indexedDB) {
    const request = factory.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const [name, options] of Object.entries(STORES)) request.result.createObjectStore(name, options);
    };
    return new Keeping(await answer(request));
  }

  constructor(database) {
    this.database = database;
    /** The bytes of chunks for which there was no room, by `session/index`. */
    this.inMemory = new Map();
  }

  sessions() {
    return this.#ask("sessions", (store) => store.getAll());
  }

  async addSession(session) {
    await this.#write(["sessions"], ({ sessions }) => sessions.put(session));
  }

  /** Change some fields of a session that is kept. */
  async updateSession(id, changes) {
    await this.#write(["sessions"], ({ sessions }) => change(sessions, id, changes));
  }

  /** The session and all that is kept of it. */
  async forgetSession(id) {
    const range = IDBKeyRange.bound([id], [id, LAST, LAST]);
    const notes = await this.notes(id);
    await this.#write(["sessions", "chunks", "bodies", "open", "notes"], (stores) => {
      stores.sessions.delete(id);
      for (const store of [stores.chunks, stores.bodies, stores.open]) store.delete(range);
      for (const note of notes) stores.notes.delete(note.id);
    });
  }

  /**
   * A whole chunk takes the place of what was kept of its beginning; `next` is where the tape goes on. Resolves to
   * whether it would outlive the page: a full disk leaves it in memory.
   */
  async addChunk(chunk, body, next) {
    try {
      await this.#writeChunk(chunk, body, next);
      return true;
    } catch {
      this.inMemory.set(`${chunk.sessionId}/${chunk.index}`, body);
      return false;
    }
  }

  async #writeChunk(chunk, body, next) {
    await this.#write(
      ["sessions", "chunks", "bodies", "open"],
      (stores) => {
        stores.chunks.put(chunk);
        stores.bodies.put(body, [chunk.sessionId, chunk.index]);
        stores.open.delete(IDBKeyRange.bound([chunk.sessionId, 0, 0], [chunk.sessionId, chunk.index, LAST]));
        change(stores.sessions, chunk.sessionId, next);
      },
      "strict",
    );
  }

  chunks(sessionId) {
    return this.#ask("chunks", (store) => store.getAll(IDBKeyRange.bound([sessionId], [sessionId, LAST])));
  }

  async body(sessionId, index) {
    const held = this.inMemory.get(`${sessionId}/${index}`);
    return held ?? this.#ask("bodies", (store) => store.get([sessionId, index]));
  }

  async remove(sessionId, index) {
    this.inMemory.delete(`${sessionId}/${index}`);
    await this.#write(["chunks", "bodies"], ({ chunks, bodies }) => {
      chunks.delete([sessionId, index]);
      bodies.delete([sessionId, index]);
    });
  }

  /** One more part of the chunk being filled, and how far the recording has come. */
  async addOpen(sessionId, open, left) {
    await this.#write(["sessions", "open"], (stores) => {
      stores.open.put({ sessionId, ...open });
      change(stores.sessions, sessionId, { left });
    });
  }

  /** The beginnings of chunks that never became whole: {index, first, startTime, preSkip, packets, …}. */
  async openChunks(sessionId) {
    const parts = await this.#ask("open", (store) => store.getAll(IDBKeyRange.bound([sessionId], [sessionId, LAST, LAST])));
    const found = new Map();
    for (const { part, packets, ...chunk } of parts) {
      if (part === 0) found.set(chunk.index, { ...chunk, packets: [] });
      found.get(chunk.index)?.packets.push(...packets);
    }
    return [...found.values()];
  }

  async clearOpen(sessionId) {
    await this.#write(["open"], ({ open }) => open.delete(IDBKeyRange.bound([sessionId], [sessionId, LAST, LAST])));
  }

  async addNote(note) {
    return this.#ask("notes", (store) => store.add(note), "readwrite");
  }

  async notes(sessionId) {
    const notes = await this.#ask("notes", (store) => store.getAll());
    return notes.filter((note) => note.sessionId === sessionId);
  }

  async removeNote(id) {
    await this.#write(["notes"], ({ notes }) => notes.delete(id));
  }

  #ask(name, ask, mode = "readonly") {
    return answer(ask(this.database.transaction(name, mode).objectStore(name)));
  }

  #write(names, act, durability = "default") {
    const transaction = this.database.transaction(names, "readwrite", { durability });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    act(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    return done;
  }
}

function change(sessions, id, changes) {
  const request = sessions.get(id);
  request.onsuccess = () => {
    if (request.result) sessions.put({ ...request.result, ...changes });
  };
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
