"use strict";
// Fills the page: charts, schedules of an instance when they are opened, the player. `report` is for whoever scripts the page.
const report = { views: [], player: null };
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const options = { responsive: true, displayModeBar: false };
  const plot = (id, figure) => Plotly.react(id, figure.data, figure.layout, options);
  data.charts.forEach((figure, i) => plot(`chart-${i}`, figure));
  const chosen = document.getElementById("curve-of");
  if (chosen) {
    const show = () => plot("curve", data.curves[chosen.value]);
    chosen.addEventListener("change", show);
    show();
  }
  const open = (details) => {
    if (!details.open || details.dataset.drawn) return;
    details.dataset.drawn = "yes";
    const parent = details.querySelector("div"), group = [];
    for (const one of data.schedules[details.dataset.instance]) {
      for (const scene of one.scenes) {
        const heading = document.createElement("h3");
        heading.textContent = scene === one.scenes[0] ? one.heading : scene.title;
        parent.append(heading);
        report.views.push(new View(parent, scene, group));
      }
    }
    const right = Math.max(...group.map((view) => view.whole[1])), left = Math.min(...group.map((view) => view.whole[0]));
    for (const view of group) { view.whole[0] = left; view.whole[1] = right; }  // one axis, so that lengths compare
    if (group.length) group[0].reset();
  };
  for (const details of document.querySelectorAll("details.schedules")) {
    details.addEventListener("toggle", () => open(details));
    open(details);
  }
  const episode = document.getElementById("episode-of");
  if (episode) {
    const show = () => {
      if (report.player) report.player.stop();
      report.player = new Player(document.getElementById("player"), data.episodes[episode.value]);
    };
    episode.addEventListener("change", show);
    show();
  }
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.schedules")) { details.open = true; open(details); }
  });
  document.getElementById("copy").addEventListener("click", (event) => {
    const code = document.getElementById("command"), button = event.target;
    const said = (text) => { button.textContent = text; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
    const select = () => { window.getSelection().selectAllChildren(code); said("Selected"); };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(() => said("Copied"), select); else select();
  });
}
