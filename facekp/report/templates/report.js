"use strict";

// ---- tables: a click on a column's title sorts by it, a second one the other way round ----------

function sortBy(header, descending) {
  const table = header.closest("table"), body = table.tBodies[0], column = header.cellIndex;
  const value = row => {
    const cell = row.cells[column];
    return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent;
  };
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;  // what is no number: last
    const order = typeof x === "number" ? x - y : x.localeCompare(y, "en", {numeric: true});
    return descending ? -order : order;
  };
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...Array.from(body.rows).sort(compare));
}

for (const header of document.querySelectorAll(".sortable th")) {
  header.firstElementChild.addEventListener("click", () =>
    sortBy(header, header.getAttribute("aria-sort") === "ascending"));
}

// ---- loss curves ----------------------------------------------------------------------------------

const COLUMNS = {valid_loss: {name: "validation", dash: "solid"},
                 train_loss: {name: "training", dash: "dash"},
                 train_loss_clean: {name: "training, dropout off", dash: "dot"}};
const byId = name => document.getElementById(name);
const checked = name => Array.from(byId(name).querySelectorAll("input:checked"), box => box.value);
// plotly takes some tags in texts for markup
const plain = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
const px = mse => 48 * Math.sqrt(mse);
const digits = value => Number(value.toPrecision(4)).toString();

function traces(group, column, first, last) {
  const curve = group[column], style = COLUMNS[column];
  const inside = curve.epoch.map((epoch, i) => i).filter(
    i => curve.epoch[i] >= first && curve.epoch[i] <= last);
  const x = inside.map(i => curve.epoch[i]), unit = byId("px").checked ? px : value => value;
  const pick = name => inside.map(i => unit(curve[name][i]));
  const band = {x, mode: "lines", line: {width: 0}, hoverinfo: "skip", showlegend: false};
  const found = inside.some(i => curve.n[i] > 1) ? [
    {...band, y: pick("low")},
    {...band, y: pick("high"), fill: "tonexty", fillcolor: group.color + "30"}] : [];
  return found.concat({
    x, y: pick("mean"), mode: x.length > 1 ? "lines" : "markers", name: plain(group.name),
    line: {color: group.color, dash: style.dash, width: 2},
    text: inside.map(i => `${style.name}, epoch ${curve.epoch[i]}: ${digits(curve.mean[i])}, ` +
      `${px(curve.mean[i]).toFixed(3)} px` +
      (curve.n[i] > 1 ? ` (mean of ${curve.n[i]})` : "")),
    hovertemplate: "%{text}<extra>%{fullData.name}</extra>"});
}

function draw(experiments) {
  const {groups} = experiments[byId("experiment").value];
  const first = Number(byId("from").value) || 1, last = Number(byId("to").value) || Infinity;
  const data = checked("groups").flatMap(index => checked("columns").flatMap(
    column => traces(groups[index], column, first, last)));
  const axis = {gridcolor: "#e7ebef", zeroline: false, automargin: true, linecolor: "#57606a"};
  Plotly.react("chart", data, {
    xaxis: {...axis, title: {text: "epoch"}},
    yaxis: {...axis, title: {text: byId("px").checked ? "RMSE, px" : "mean squared error"},
            type: byId("log").checked ? "log" : "linear", exponentformat: "none"},
    margin: {l: 50, r: 10, t: 30, b: 40}, showlegend: false, hovermode: "closest",
    font: {family: "inherit", color: "#1b1f24"},
    // on a touch screen a finger scrolls the page; zoom with the buttons or the range of epochs
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
  }, {displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"]});
}

function choose(experiments) {
  const {groups} = experiments[byId("experiment").value], nets = byId("groups");
  nets.querySelectorAll("label").forEach(label => label.remove());
  groups.forEach((group, index) => {
    const label = document.createElement("label"), box = document.createElement("input"),
          swatch = document.createElement("span");
    Object.assign(box, {type: "checkbox", value: index, checked: true});
    swatch.className = "swatch";
    swatch.style.background = group.color;
    label.append(box, swatch, `${group.name} (${group.note})`);
    nets.append(label);
  });
  byId("from").value = 1;
  byId("to").value = Math.max(1, ...groups.flatMap(group => group.valid_loss.epoch));
  draw(experiments);
}

if (byId("curves-data")) {
  const experiments = JSON.parse(byId("curves-data").textContent);
  byId("controls").hidden = false;
  byId("controls").addEventListener("change", event =>
    (event.target.id === "experiment" ? choose : draw)(experiments));
  byId("controls").addEventListener("submit", event => event.preventDefault());
  choose(experiments);
  addEventListener("beforeprint", () => Plotly.relayout("chart", {width: 900}));
  addEventListener("afterprint", () => Plotly.relayout("chart", {width: null, autosize: true}));
}
