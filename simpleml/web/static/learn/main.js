/** /learn: words alone, in the visitor's language and colours. */

import * as i18n from "../common/i18n.js";
import * as preferences from "../common/preferences.js";

await i18n.start("learn");
preferences.start();
document.documentElement.dataset.ready = "true";
