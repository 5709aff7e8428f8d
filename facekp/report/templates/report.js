"use strict";

// A click on a column's title sorts by it, a second one the other way round: by the number with
// which cells begin ("1.5 \u00b1 0.1"), else by their text. What is no number comes last.
const number = /^[-+]?\d[\d.]*(e-?\d+)?(?=$| [\u00b1(]|, )/;
function sortBy(header, descending) {
  const body = header.closest("table").tBodies[0];
  const value = row => {
    const text = row.cells[header.cellIndex].textContent;
    return number.test(text) ? Number.parseFloat(text) : text;
  };
  const compare = (a, b) => {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    const order = typeof a === "number" ? a - b : a.localeCompare(b, "en", {numeric: true});
    return descending ? -order : order;
  };
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...Array.from(body.rows).sort((a, b) => compare(value(a), value(b))));
}

for (const header of document.querySelectorAll("th")) {
  const button = document.createElement("button");
  button.append(...header.childNodes);
  header.append(button);
  button.addEventListener("click", () =>
    sortBy(header, header.getAttribute("aria-sort") === "ascending"));
}

// Each experiment's loss curves are drawn when they are first opened; the first ones are open.
document.querySelector("details.curves")?.setAttribute("open", "");
for (const details of document.querySelectorAll("details.curves")) {
  const chart = details.querySelector(".chart");
  const draw = () => {
    if (!details.open || chart.data) return;
    const figure = JSON.parse(details.querySelector("script").textContent);
    // on a touch screen a finger scrolls the page, and the buttons zoom
    if (matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
    Plotly.newPlot(chart, figure);
  };
  details.addEventListener("toggle", draw);
  draw();
  addEventListener("beforeprint", () => chart.data && Plotly.relayout(chart, {width: 900}));
  addEventListener("afterprint", () =>
    chart.data && Plotly.relayout(chart, {width: null, autosize: true}));
}
