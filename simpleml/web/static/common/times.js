/** Times for people. */

import { number } from "./i18n.js";

const unit = (value, name) => number(value, { style: "unit", unit: name, unitDisplay: "long" });

/** "45 seconds", "12 minutes", "3 hours 5 minutes". @param {number} seconds */
export function duration(seconds) {
  if (seconds < 90) return unit(Math.round(seconds), "second");
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return unit(minutes, "minute");
  const rest = minutes % 60;
  const hours = unit(Math.floor(minutes / 60), "hour");
  return rest ? `${hours} ${unit(rest, "minute")}` : hours;
}
