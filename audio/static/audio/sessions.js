// The list of recordings: times in the reader's own, and the keyboard.

import { useListing } from "./listing.js";
import { showAll } from "./times.js";

showAll();
useListing(document.querySelector(".listing"));
