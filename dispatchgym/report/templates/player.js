"use strict";
// Steps through the decisions of an episode: the boxes placed so far, and the choices with their probabilities.
class Player {
  constructor(parent, episode) {
    this.steps = episode.steps;
    this.at = 0;  // steps that have been played
    this.timer = null;
    this.reveal = this.places(episode.scene);
    parent.replaceChildren();
    this.build(parent);
    this.view = new View(parent, episode.scene, [], (i) => this.reveal[i] < this.at);
    this.list = document.createElement("ol");
    this.list.className = "choices";
    this.list.style.minHeight = `${1.7 * Math.max(...this.steps.map((step) => step.choices.length))}em`;  // so that nothing jumps
    parent.append(this.list);
    this.go(0);
  }

  places(scene) {  // the step that places each box: the first that names it, or else the last that is not later in time
    const named = new Map();
    this.steps.forEach((step, t) => { if (step.key && !named.has(step.key)) named.set(step.key, t); });
    return scene.left.map((left, i) => {
      const key = scene.key && scene.key[i];
      if (key && named.has(key)) return named.get(key);
      let found = 0;
      for (let t = 0; t < this.steps.length && this.steps[t].time <= left; t++) found = t;
      return found;
    });
  }

  build(parent) {
    const tools = document.createElement("div");
    tools.className = "tools screen";
    const button = (text, label, act) => {
      const made = document.createElement("button");
      made.type = "button"; made.textContent = text; made.setAttribute("aria-label", label);
      made.addEventListener("click", act);
      tools.append(made);
      return made;
    };
    button("\u25C0", "previous step", () => this.go(this.at - 1));
    this.button = button("Play", "play", () => this.play());
    button("\u25B6", "next step", () => this.go(this.at + 1));
    this.slider = document.createElement("input");
    Object.assign(this.slider, { type: "range", min: 0, max: this.steps.length, value: 0 });
    this.slider.setAttribute("aria-label", "step");
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.text = document.createElement("span");
    tools.append(this.slider, this.text);
    parent.append(tools);
  }

  play() {
    if (this.timer !== null) { this.stop(); return; }
    if (this.at >= this.steps.length) this.go(0);
    this.button.textContent = "Stop";
    this.timer = setInterval(() => {
      this.go(this.at + 1);
      if (this.at >= this.steps.length) this.stop();
    }, Math.max(60, Math.min(500, 20000 / this.steps.length)));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.button.textContent = "Play";
  }

  go(step) {
    this.at = Math.max(0, Math.min(step, this.steps.length));
    this.slider.value = this.at;
    this.view.picked = this.reveal.lastIndexOf(this.at - 1);
    this.view.draw();
    const next = this.steps[this.at], total = this.steps.length;
    this.text.textContent = next
      ? `step ${this.at + 1} of ${total}, ${next.legal} ${next.legal === 1 ? "choice" : "choices"}` : `end after ${total} steps`;
    this.list.replaceChildren(...(next ? next.choices : []).map(([text, probability]) => {
      const row = document.createElement("li"), bar = document.createElement("b");
      const cells = ["span", "div", "span"].map((kind) => document.createElement(kind));
      cells[0].textContent = text;
      bar.style.width = `${100 * probability}%`;
      cells[1].append(bar);
      cells[2].textContent = `${(100 * probability).toFixed(1)} %`;
      row.append(...cells);
      return row;
    }));
  }
}
