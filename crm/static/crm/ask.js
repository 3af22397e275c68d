/** `{status, answer}` of a request for JSON: status 0 when there was no answer. Rejects only when it is aborted. */
export async function ask(address, { headers = {}, ...options } = {}) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json", ...headers }, ...options });
    return { status: response.status, answer: await response.json().catch(() => ({})) };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { status: 0, answer: {} };
  }
}
