/** The buttons below a text. */

/**
 * Show Stop while the text is being written, the others when it is not; a button that goes away
 * hands its focus on.
 * @param {{stop: HTMLElement, goOn: HTMLElement, same: HTMLElement}} buttons and others
 * @param {boolean} busy
 * @param {Record<string, boolean>} [unfit] those by whose names nothing can be done now
 */
export function showButtons(buttons, busy, unfit = {}) {
  const { stop, ...others } = buttons;
  const focused = Object.values(buttons).find((one) => one === document.activeElement);
  stop.hidden = !busy;
  for (const [name, button] of Object.entries(others)) button.hidden = busy || Boolean(unfit[name]);
  if (focused?.hidden) (busy ? stop : others.goOn.hidden ? others.same : others.goOn).focus();
}
