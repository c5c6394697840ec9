/**
 * The spaces of printed French: none that a line may break at before ; : ! ? % and inside « »,
 * narrow ones where they are narrow, and in large numbers. The server's pages do the same
 * (simpleml/web/pages/typography.py).
 * @param {string} text with plain spaces there
 */
export const french = (text) =>
  text
    .replace(/ (?=[:»])|(?<=«) /g, "\u00a0")
    .replace(/ (?=[;!?%])|(?<=\d) (?=\d{3}(?!\d))/g, "\u202f");
