// SHA-256, as headers and answers write it.

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

export function hexadecimal(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The `Content-Digest` header (RFC 9530) for a digest in hexadecimal. */
export function contentDigest(digest) {
  const letters = digest.match(/../g).map((pair) => String.fromCharCode(Number.parseInt(pair, 16)));
  return `sha-256=:${btoa(letters.join(""))}:`;
}
