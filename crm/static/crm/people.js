// The list of people: times in the reader's own, and the keyboard.

import { useListing } from "../audio/listing.js";
import { showAll } from "../audio/times.js";

showAll();
useListing(document.querySelector(".listing"));
