// What the dashboard asks of the server. Every answer is {status, answer}: status 0 when there was none.

import { cookie } from "../../audio/cookie.js";
import { ask } from "../ask.js";
import { toServer } from "./asked.js";

export class DashboardServer {
  /** `address` is that of readings; `csrfToken` is the page's, should the cookie be missing. */
  constructor({ address, csrfToken }) {
    Object.assign(this, { address, csrfToken });
  }

  read(asked, signal) {
    return ask(`${this.address}?${toServer(asked)}`, { signal });
  }

  acknowledge(alertId) {
    return ask(`/api/metrics/alerts/${alertId}/acknowledge`, {
      method: "POST",
      headers: { "X-CSRFToken": cookie("csrftoken") ?? this.csrfToken },
    });
  }
}
