/** A choice of models, with the card of the one that is chosen or what is wrong with it. */

import { $, h } from "../common/dom.js";
import { describe } from "../common/failures.js";
import { onLanguage, tell } from "../common/i18n.js";
import { titleOf } from "../common/models.js";
import * as api from "./api.js";
import * as modelCard from "./model-card.js";

export class ModelPicker {
  /**
   * @param {string} id of the select; its problem is told in `<id>-problem`
   * @param {(card: any) => void} onCard called with each card that came, null while there is none
   * @param {boolean} showsCard
   */
  constructor(id, onCard, showsCard) {
    this.select = $(id);
    this.problem = $(`${id}-problem`);
    this.onCard = onCard;
    this.showsCard = showsCard;
    this.card = null;
    this.curves = new Set();
    this.asked = new AbortController();
    this.shut = new AbortController(); // until the card is opened
    this.select.addEventListener("change", () => this.choose(this.select.value));
    onLanguage(() => this.#showCard());
  }

  /** @param {Array<import("../common/models.js").Choice & {curve: boolean}>} models */
  offer(models) {
    const chosen = this.select.value;
    this.curves = new Set(models.filter((one) => one.curve).map((one) => one.name));
    this.select.replaceChildren(
      ...models.map((one) => {
        const key = one.finished ? "model.title" : "model.learning";
        return tell(h("option", { value: one.name }), key, { title: () => titleOf(one) });
      }),
    );
    if (chosen && this.has(chosen)) this.select.value = chosen;
  }

  /** Whether a model of that name can be chosen. @param {string} name */
  has(name) {
    return [...this.select.options].some((one) => one.value === name);
  }

  /** Say what is wrong with the choice. */
  complain(...parts) {
    this.problem.replaceChildren(...parts);
  }

  /**
   * Choose a model and read its card.
   * @param {string} name
   * @returns {Promise<any>} the card, null where it cannot be had
   */
  async choose(name) {
    this.select.value = name;
    this.asked.abort();
    const asked = (this.asked = new AbortController());
    this.card = null;
    this.shut.abort(); // the card that is still shown is another model's
    this.complain();
    this.onCard(null);
    if (this.showsCard) tell($("card-figure"), "model.reading");
    try {
      this.card = await api.card(name, asked.signal);
    } catch (error) {
      if (asked.signal.aborted) return null; // another one was chosen meanwhile
      this.complain(...describe(error));
    }
    this.#showCard();
    this.onCard(this.card);
    return this.card;
  }

  /** What only a card that is open needs: its buttons, and how the training went. */
  async #completeCard(body, signal) {
    const { model } = this.card;
    const takeHome = await import("./take-home.js");
    if (signal.aborted) return; // another one was chosen meanwhile
    body.append(takeHome.buttons(model, (error) => this.complain(...describe(error))));
    if (!this.curves.has(model)) return;
    // the card is whole without its picture
    const figure = await modelCard.curve(model, signal, body).catch(() => null);
    if (figure && !signal.aborted) body.append(figure);
  }

  #showCard() {
    if (!this.showsCard) return;
    $("card").hidden = !this.card;
    if (!this.card) return;
    tell($("card-figure"), "");
    $("card-figure").textContent = modelCard.figure(this.card);
    const body = $("card-body");
    const complain = (error) => this.complain(...describe(error));
    body.replaceChildren(...modelCard.facts(this.card));
    this.shut.abort();
    const { signal } = (this.shut = new AbortController());
    const complete = () => this.#completeCard(body, signal).catch(complain);
    if ($("card").open) complete();
    else $("card").addEventListener("toggle", complete, { once: true, signal });
  }
}
