/* Asks again and again, as long as somebody can see it; after errors less and less often. */

const LONGEST_MS = 60_000;

/**
 * Call `ask` now and then every `every` milliseconds. `show` gets what it resolves to, `fail` the refusal and when the
 * last answer came (null: none yet). In a hidden tab, or while paused, nothing is asked; after that at once.
 */
export class Poll {
  #timer;
  #busy = false;
  #paused = false;
  #answered = null;

  constructor(ask, { every, show, fail }) {
    Object.assign(this, { ask, every, show, fail, wait: every });
    document.addEventListener("visibilitychange", () => this.#resume());
    this.#resume();
  }

  /** Stop asking, or go on. */
  pause(paused) {
    this.#paused = paused;
    this.#resume();
  }

  #resume() {
    clearTimeout(this.#timer);
    if (!this.#busy) this.#turn();
  }

  async #turn() {
    if (document.hidden || this.#paused) return;
    this.#busy = true;
    try {
      await this.#asked();
    } finally {
      this.#busy = false;
      this.#timer = setTimeout(() => this.#turn(), this.wait);
    }
  }

  async #asked() {
    let body;
    try {
      body = await this.ask();
    } catch (error) {
      if (error.status === undefined) throw error;
      this.wait = Math.min(this.wait * 2, LONGEST_MS);
      this.fail(error, this.#answered);
      return;
    }
    this.wait = this.every;
    this.#answered = Date.now();
    this.show(body, this.#answered);
  }
}
