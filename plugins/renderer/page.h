// The style and the script of the HTML page: everything it needs, so that it opens without a
// network.
#pragma once

namespace xp {

constexpr const char* kPageStyle = R"css(
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d4d9df;
--tint:#f3f5f8;--best:#0b5f2a;--link:#0a58c2;--warm:214 96 18;--warmth:.6;
--k0:#0b62c4;--k1:#c2410c;--k2:#15803d;--k3:#9333ea;--k4:#0e7490;--k5:#a16207}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--ink:#e7eaee;--soft:#a3adb8;
--line:#3a424b;--tint:#1e2329;--best:#6fdc93;--link:#7fb4ff;--warm:240 140 60;--warmth:.5;
--k0:#6cb0ff;--k1:#ff9c66;--k2:#5fd38a;--k3:#c99bff;--k4:#5bd0e6;--k5:#e6c04f}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:80rem;padding:1rem 1.25rem 3rem;background:var(--paper);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;line-height:1.25;margin:.4em 0}h2{font-size:1.15rem;margin:2em 0 .5em}
h3{font-size:1rem;margin:1.2em 0 .4em}
a{color:var(--link)}.note,figcaption small{color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;margin:.5em 0}
.scroll{position:relative;overflow-x:auto;max-width:100%}
.scroll:focus-visible,button:focus-visible,input:focus-visible,summary:focus-visible{
outline:2px solid var(--link);outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.caption{color:var(--soft);margin:.6em 0 .25em}
th,td{padding:.3em .65em;border-bottom:1px solid var(--line);white-space:nowrap;text-align:left}
thead th{border-bottom:2px solid var(--ink);background:var(--paper);vertical-align:bottom}
.n{text-align:right}tbody tr:hover{background:var(--tint)}
#report th:first-child{position:sticky;left:0}#report tbody th{background:var(--paper)}
#report tbody tr:hover th{background:var(--tint)}
th button{font:inherit;font-weight:600;color:inherit;background:none;border:0;
padding:0;cursor:pointer}
th[aria-sort=ascending] button::after{content:" ▲"}
th[aria-sort=descending] button::after{content:" ▼"}
tbody th{font-weight:400}
.spoken{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.best{font-weight:700;color:var(--best)}.tied{text-decoration:underline}
.spread,.diff{color:var(--soft)}.diff{display:block;font-size:.85em}
.state{font-style:italic;color:var(--soft)}
label{display:inline-flex;gap:.5em;align-items:center;flex-wrap:wrap}
input,select{font:inherit;color:inherit;background:var(--tint);border:1px solid var(--soft);
border-radius:4px;padding:.25em .5em;max-width:100%}
input{width:18rem}
button.page{font:inherit;color:inherit;background:var(--tint);border:1px solid var(--soft);
border-radius:4px;padding:.15em .7em;cursor:pointer}button.page:disabled{opacity:.45}
.facts{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;margin:.2em 0 .8em}
.facts div{max-width:100%}.facts dt{font-size:.85em}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));
gap:1.5rem}
figure{position:relative;margin:0;max-width:44rem;min-width:0}
figcaption{font-weight:600;margin-bottom:.3em}
figure>svg{width:100%;height:auto;display:block;background:var(--paper);touch-action:pan-y}
.chart>svg{cursor:crosshair}
.off{display:none}.cross{stroke:var(--soft);stroke-dasharray:2 2}
.tip{position:absolute;top:2.2rem;z-index:1;max-width:85%;padding:.35em .6em;
background:var(--paper);
border:1px solid var(--soft);border-radius:4px;font-size:.8rem;pointer-events:none}
.tip p{margin:0;display:flex;gap:.5em;justify-content:space-between}
.tip i{flex:none;width:.75em;height:.75em;margin-top:.35em;border-radius:50%}
.tip b{margin-left:auto;font-variant-numeric:tabular-nums;white-space:nowrap}
svg text{font:11px system-ui,sans-serif;fill:var(--ink)}
svg .axis line{stroke:var(--line)}svg .axis text{fill:var(--soft)}svg .axis .name{fill:var(--ink)}
svg .label{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.l0{--k:var(--k0)}.l1{--k:var(--k1)}.l2{--k:var(--k2)}.l3{--k:var(--k3)}
.l4{--k:var(--k4)}.l5{--k:var(--k5)}.rest{--k:var(--soft)}
polyline{fill:none;stroke:var(--k);stroke-width:2}polyline.d1{stroke-dasharray:6 3}
.band{fill:var(--k);fill-opacity:.16;stroke:none}
.bar{stroke:var(--k);stroke-width:1.5;fill:var(--k)}.bar.hollow{fill:var(--paper)}
.bars ul{list-style:none;padding:0;margin:0}
.bars li{display:grid;grid-template-columns:minmax(6rem,40%) 1fr max-content;gap:.6em;
align-items:center;font-size:.875rem;padding:.12em 0}
.bars .name{overflow:hidden;text-overflow:ellipsis}.bars .value{font-variant-numeric:tabular-nums}
.bars .off{display:none}
.fill{display:block;height:.9em;border-radius:2px;background:var(--k);
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.fill.d1{background:repeating-linear-gradient(90deg,var(--k) 0 6px,transparent 6px 9px)}
.tracks{display:grid;gap:2px}.track{display:flex}
.part{display:block;height:.6em;border-radius:1px;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.p00{background:var(--k0)}.p01{background:repeating-linear-gradient(90deg,var(--k0) 0 3px,
transparent 3px 5px)}.p10{background:var(--k2)}.p11{background:repeating-linear-gradient(90deg,
var(--k1) 0 6px,transparent 6px 7px)}.legend .part{width:28px}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;list-style:none;padding:0;margin:.3em 0;
font-size:.875rem}.legend li{display:flex;align-items:center;gap:.4em}
.legend svg{width:28px;height:8px}
.key{display:flex;align-items:center;gap:.4em;font:inherit;color:inherit;background:none;
border:1px solid var(--line);border-radius:1em;padding:.15em .7em;cursor:pointer;text-align:left}
.key[aria-pressed=false]{color:var(--soft);text-decoration:line-through}
.key[aria-pressed=false] polyline{stroke:var(--line)}
polyline.frontline{stroke:var(--soft);stroke-dasharray:4 3;stroke-width:1.5}
.front circle,.beaten circle{fill:var(--k)}
.near circle{fill:var(--paper);stroke:var(--k);stroke-width:2}
.front path,.near path,.beaten path{stroke:var(--k);stroke-opacity:.45;fill:none}
.heat td{text-align:right;background:rgb(var(--warm)/calc(var(--heat,0%)*var(--warmth)))}
.heat{margin-bottom:1rem}.heat thead th+th{text-align:right}
.heat thead th{white-space:normal;max-width:9rem}.heat th,.heat td{padding:.25em .5em}
.sentence{break-inside:avoid}.sentence dd{margin-bottom:.2em}
.sentence b{font-weight:600;font-variant-numeric:tabular-nums}
.sentence .better{color:var(--best)}
#runs h4{font-size:.95rem;margin:.6em 0 .2em}
details{border-bottom:1px solid var(--line)}summary{cursor:pointer;padding:.4em 0}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15em 1em;margin:.2em 0 1em}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
dd code{font-size:.9em;background:var(--tint);padding:.1em .3em;border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--paper)}
@media (max-width:40rem){body{padding:.75rem}dl{grid-template-columns:1fr}dt{margin-top:.4em}
.facts{gap:.1rem 1.2rem}.facts dt{margin:0}.figures{gap:1rem}th,td{padding:.3em .45em}
.bars li{grid-template-columns:1fr max-content}.bars .name{grid-column:1/-1}}
@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#999;--tint:#fff;--best:#000;
--k0:#0b62c4;--k1:#c2410c;--k2:#15803d;--k3:#9333ea;--k4:#0e7490;--k5:#a16207}
body{max-width:none;padding:0;font-size:9pt}nav,.tools label,.tools button,.skip,.tip{display:none}
.scroll{overflow:visible}.figures{grid-template-columns:1fr 1fr}.key{border:0;padding:0}
figure,tr,details{break-inside:avoid}thead{display:table-header-group}
th,td{padding:.15em .4em}.heat td{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)css";

constexpr const char* kPageScript = R"js(
"use strict";
const rows = [...document.querySelectorAll("#report tbody tr")];
const body = document.querySelector("#report tbody");
const filter = document.querySelector("#filter"), count = document.querySelector("#count");
const heads = [...document.querySelectorAll("#report thead th")];
const back = document.querySelector("#back"), on = document.querySelector("#on");
const texts = rows.map(row => row.textContent.toLowerCase());
const places = new Map(rows.map((row, i) => [row, i]));
const size = 200;
let order = rows, page = 0;
// A number compares as one, a text as text; cells without a value come last either way.
function key(row, column) {
  const cell = row.cells[column], value = cell.dataset.v;
  return value === undefined ? cell.textContent : Number(value);
}
function compare(column, sign) {
  return (a, b) => {
    const x = key(a, column), y = key(b, column);
    const kind = v => typeof v === "number" ? 0 : v === "–" ? 2 : 1;
    if (kind(x) !== kind(y)) return kind(x) - kind(y);
    if (kind(x) === 0) return sign * (x - y);
    return sign * x.localeCompare(y, undefined, {numeric: true});
  };
}
function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const kept = order.filter(row => words.every(word => texts[places.get(row)].includes(word)));
  const pages = Math.max(1, Math.ceil(kept.length / size));
  page = Math.min(page, pages - 1);
  body.replaceChildren(...kept.slice(page * size, (page + 1) * size));
  count.textContent = `${kept.length} of ${rows.length} rows` +
    (pages > 1 ? `, page ${page + 1} of ${pages}` : "");
  back.hidden = on.hidden = pages < 2;
  back.disabled = page === 0;
  on.disabled = page === pages - 1;
}
heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
  const down = head.getAttribute("aria-sort") === "ascending";
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  order = [...rows].sort(compare(column, down ? -1 : 1));
  page = 0;
  show();
}));
filter.addEventListener("input", () => { page = 0; show(); });
back.addEventListener("click", () => { --page; show(); });
on.addEventListener("click", () => { ++page; show(); });
document.querySelectorAll(".tools").forEach(tools => { tools.hidden = false; });
// Paper shows all rows.
addEventListener("beforeprint", () => body.replaceChildren(...order));
addEventListener("afterprint", show);
show();
function element(name, text, parent) {
  const out = document.createElement(name);
  if (text !== null) out.textContent = text;
  parent.append(out);
  return out;
}
// Keys show and hide what belongs to their rows, in every figure.
document.querySelectorAll("[data-key]").forEach(key => key.addEventListener("click", () => {
  const shows = key.getAttribute("aria-pressed") === "false";
  key.setAttribute("aria-pressed", shows);
  document.querySelectorAll(`#figures ~ .figures [data-row="${key.dataset.key}"]`)
    .forEach(part => part.classList.toggle("off", !shows));
}));
const isShown = row => {
  const key = document.querySelector(`[data-key="${row}"]`);
  return !key || key.getAttribute("aria-pressed") === "true";
};
const digits = value => String(Number(value.toPrecision(4)));
// The values of all shown lines at the update nearest to the pointer; arrow keys move, too.
document.querySelectorAll("figure.chart").forEach(figure => {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const svg = figure.querySelector("svg"), cross = figure.querySelector(".cross");
  const tip = element("div", null, figure);
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  svg.tabIndex = 0;
  const curves = data.curves.map(curve =>
    ({...curve, at: new Map(curve.points.map(point => [point[0], point]))}));
  const xs = [...new Set(curves.flatMap(curve => [...curve.at.keys()]))].sort((a, b) => a - b);
  let place = -1;
  function hide() {
    place = -1;
    tip.hidden = true;
    cross.setAttribute("visibility", "hidden");
  }
  function show(index) {
    place = Math.max(0, Math.min(xs.length - 1, index));
    const x = xs[place], share = (x - data.from) / (data.to - data.from);
    const across = data.left + share * (data.right - data.left);
    cross.setAttribute("x1", across);
    cross.setAttribute("x2", across);
    cross.setAttribute("visibility", "visible");
    tip.replaceChildren();
    element("p", `${data.x} ${digits(x)}`, tip);
    const here = curves.filter(curve => curve.at.has(x) && isShown(curve.row))
      .map(curve => [curve, curve.at.get(x)]).sort((a, b) => b[1][1] - a[1][1]);
    for (const [curve, [, mean, low, high]] of here) {
      const line = element("p", null, tip), dot = element("i", null, line);
      dot.style.background = `var(--k${curve.row % 6})`;
      element("span", curve.name, line);
      element("b", digits(mean) + (low < high ? ` (${digits(low)}–${digits(high)})` : ""), line);
    }
    tip.hidden = false;
    tip.style[share < 0.5 ? "right" : "left"] = "0";
    tip.style[share < 0.5 ? "left" : "right"] = "auto";
  }
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width * data.width;
    const x = data.from + (across - data.left) / (data.right - data.left) * (data.to - data.from);
    let nearest = 0;
    xs.forEach((value, i) => {
      if (Math.abs(value - x) < Math.abs(xs[nearest] - x)) nearest = i;
    });
    show(nearest);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", event => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    show(place < 0 ? (step > 0 ? 0 : xs.length - 1) : place + step);
  });
});
// Only the runs that match are drawn: ten thousand at once would make the page slow.
const {titles, common, runs: data} = JSON.parse(document.querySelector("#runs-data").textContent);
const list = document.querySelector("#runs"), find = document.querySelector("#find");
const ofRow = "runs of: ";
function facts(run, title) {
  return [...(run.groups[title] || []), ...(common[title] || [])];
}
function fill(details, run) {
  for (const title of titles) {
    const all = facts(run, title);
    if (!all.length) continue;
    element("h4", title, details);
    const table = element("dl", null, details);
    for (const [name, value] of all) {
      element("dt", name, table);
      element(name === "made by" ? "code" : "span", value, element("dd", null, table));
    }
  }
}
function runs(opens) {
  const typed = find.value, most = 50;
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = run => typed.startsWith(ofRow) ? run.row === typed.slice(ofRow.length)
    : words.every(word => run.text.includes(word));
  const kept = data.filter(fits);
  list.replaceChildren();
  for (const run of kept.slice(0, most)) {
    const details = element("details", null, list);
    element("summary", `${run.name} (${run.state})`, details);
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) fill(details, run);
    });
    if (opens === true && kept.length === 1) details.open = true;
  }
  document.querySelector("#found").textContent =
    kept.length > most ? `the first ${most} of ${kept.length} runs` : `${kept.length} runs`;
}
if (find) {
  const shared = Object.values(common).flat(2).join(" ");
  for (const run of data)
    run.text = [run.name, run.state, ...Object.values(run.groups).flat(2), shared]
      .join(" ").toLowerCase();
  find.addEventListener("input", runs);
  document.querySelectorAll("[data-runs]").forEach(link => link.addEventListener("click", () => {
    find.value = ofRow + link.dataset.runs;
    runs(true);
  }));
  runs();
}
// Two rows beside each other, ten sentences at a time.
const box = document.querySelector("#sentence-list");
const sides = ["#side-a", "#side-b"].map(name => document.querySelector(name));
if (sides[0]) {
  const set = JSON.parse(document.querySelector("#sentences-data").textContent);
  const orderBy = document.querySelector("#sentence-order");
  const turns = ["#sentences-back", "#sentences-on"].map(name => document.querySelector(name));
  const most = 10;
  let first = 0;
  sides[1].value = "1";
  const gain = (sentence, [a, b]) => {
    const x = sentence.v[a][1], y = sentence.v[b][1];
    return x === null || y === null ? 0 : set.higher ? y - x : x - y;
  };
  const keys = {gain, difference: (s, two) => Math.abs(gain(s, two)),
    loss: (s, two) => -gain(s, two), length: s => s.w, rare: s => s.p, text: s => -s.n};
  function version(sentence, name, row, isBetter, table) {
    const [text, score] = sentence.v[row];
    element("dt", name, table);
    const cell = element("dd", null, table);
    if (score !== null) {
      const value = element("b", score.toFixed(1), cell);
      if (isBetter) value.className = "better";
      if (isBetter) element("span", " (better)", value).className = "spoken";
    }
    element("span", (score === null ? "" : " ") + (text || "–"), cell);
  }
  function sentences() {
    const two = sides.map(side => Number(side.value)), [a, b] = two;
    const key = keys[orderBy.value];
    // Sentences that both translated alike say nothing of their difference.
    const kept = set.sentences.filter(s => orderBy.value === "text" || s.v[a][0] !== s.v[b][0])
      .map(s => [key(s, two), s]).sort((x, y) => y[0] - x[0] || x[1].n - y[1].n);
    first = Math.max(0, Math.min(first, Math.floor((kept.length - 1) / most) * most));
    box.replaceChildren();
    for (const [, s] of kept.slice(first, first + most)) {
      const article = element("article", null, box), by = gain(s, two);
      article.className = "sentence";
      element("h3", `Sentence ${s.n}, ${s.d}: ${by > 0 ? "+" : ""}${by.toFixed(1)}`, article);
      const table = element("dl", null, article);
      element("dt", "source", table);
      element("dd", s.s, table);
      element("dt", "reference", table);
      element("dd", s.r, table);
      version(s, "A", a, by < 0, table);
      version(s, "B", b, by > 0, table);
    }
    const end = Math.min(first + most, kept.length);
    document.querySelector("#sentence-count").textContent = kept.length === 0 ? "none differ" :
      `${first + 1} to ${end} of ${kept.length}` + (set.total > set.sentences.length ?
        `, chosen from ${set.total}` : "");
    turns[0].disabled = first === 0;
    turns[1].disabled = end >= kept.length;
    const better = set.wins[b][a], worse = set.wins[a][b], equal = set.total - better - worse;
    const rate = 100 * (better + equal / 2) / set.total;
    document.querySelector("#wins").textContent = `By ${set.metric} of single sentences, B is ` +
      `better in ${better} of ${set.total}, worse in ${worse}, equal in ${equal}: ` +
      `it wins ${rate.toFixed(1)} %, ties counted half.`;
  }
  for (const control of [...sides, orderBy])
    control.addEventListener("change", () => { first = 0; sentences(); });
  turns[0].addEventListener("click", () => { first -= most; sentences(); });
  turns[1].addEventListener("click", () => { first += most; sentences(); });
  sentences();
}
)js";

}  // namespace xp
